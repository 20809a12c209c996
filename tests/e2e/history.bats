#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Code that comes and goes: a block belongs to the function that allocated it, whatever lies at that
# address later.
load helpers

setup()
{
	begin_test
	require_tracing
	PLUGINS=("$TARGETS/plugin_a.so" "$TARGETS/plugin_b.so")
}

teardown()
{
	end_test
}

# expect_turns COUNT: that many blocks of each plugin, all in its own name and of its own size.
expect_turns()
{
	local got
	[ "$(sort -u places | wc -l)" -eq 1 ] || fail "the plugins were at several addresses"
	got=$(report '[.sites[] | select(.stack[1].function == "plugin_work")
		| {key: "\(.stack[0].function) in \(.stack[0].module | split("/")[-1])",
		   value: {count: .alloc_count, bytes: .alloc_bytes}}]
		| group_by(.key) | map("\(.[0].key): \(map(.value.count) | add) blocks, " +
		"\(map(.value.bytes) | add) bytes") | join("; ")')
	[ "$got" = "keep_of_a in plugin_a.so: $1 blocks, $(($1 * 1000)) bytes; $(
		)keep_of_b in plugin_b.so: $1 blocks, $(($1 * 2000)) bytes" ] || fail "$got"
	expect .events.lost 0
	expect .events.other_losses.code_gone 0
}

@test "history: plugins that take turns at one address, launched" {
	for pause in 0 100 20000; do
		trace_launched -- "$TARGETS/turns" "$pause" 5 "${PLUGINS[@]}"
		expect_turns 500
	done
}

@test "history: plugins that take turns at one address, attached" {
	trace_attached -- "$TARGETS/turns" 0 5 "${PLUGINS[@]}"
	expect_turns 500
}

@test "history: plugins that take turns and no loader that waits" {
	trace_launched --hold=0 -- "$TARGETS/turns" 1000 20 "${PLUGINS[@]}"
	# Of a file that was never met nothing can be known, which is told. Without its tables the
	# walk may leave out callers, so only the innermost frame counts.
	got=$(report '[.sites[] | select(.stack[0].function // "" | startswith("keep_of_"))
		| select((.stack[0].function == "keep_of_a") != (.alloc_bytes == 1000 * .alloc_count))]
		| length')
	[ "$got" -eq 0 ] || fail "$got sites in a wrong name"
	got=$(report '[.sites[] | select(.stack[0].function // "" | startswith("keep_of_"))
		| .alloc_count] | add')
	[ "$got" -ge 2000 ] || fail "only $got of 4000 blocks have a name"
	[ "$got" -eq 4000 ] ||
		expect '.events.other_losses.code_gone > 0' true
}

@test "history: plugins that take turns, by frame pointers" {
	trace_launched --stacks=fp -- "$TARGETS/turns" 0 5 "${PLUGINS[@]}"
	got=$(report '[.sites[] | select(.stack[0].function == "keep_of_a") | .alloc_bytes] | add')
	[ "$got" -eq 500000 ] || fail "$got bytes of the first plugin"
}

@test "history: children work in the plugin that was open when they were forked" {
	trace_launched -f -- "$TARGETS/turns" -f 2000 5 "${PLUGINS[@]}"
	expect_turns 500
}

@test "history: plugins that take turns in a recording" {
	"$MEMTRACE" record -o recording -- "$TARGETS/turns" 0 5 "${PLUGINS[@]}" >out 2>err
	"$MEMTRACE" report recording --json=report.json >out 2>err
	expect_turns 500
	"$MEMTRACE" report recording -F html -o page.html >out 2>err
	grep -q keep_of_a page.html && grep -q keep_of_b page.html || fail "not in the page"
}

# expect_moves COUNT_A COUNT_B: whatever has a name has the right one, and what has none is told.
expect_moves()
{
	local name size got want told=0
	for name in a b; do
		[ $name = a ] && size=1000 want=$1 || size=2000 want=$2
		got=$(report "[.sites[] | select(.stack[0].function == \"through_$name\")
			| {count: .alloc_count, bytes: .alloc_bytes}]
			| \"\(map(.count) | add // 0) \(map(.bytes) | add // 0)\"")
		[ "${got#* }" = $((${got% *} * size)) ] || fail "through_$name: $got: blocks of the other's"
		[ "${got% *}" -le "$want" ] || fail "through_$name: ${got% *} blocks, not $want"
		[ "${got% *}" = "$want" ] || told=1
	done
	[ $told = 0 ] || [[ $(tr -s '\n ' ' ' <out) == *"unmapped before it could be read"* ]] ||
		fail "blocks without a name, untold"
}

@test "history: code that is made executable, moved and replaced, before and after exec" {
	local movable=("$TARGETS/movable_a.so" "$TARGETS/movable_b.so")
	trace_launched -- "$TARGETS/moves" 30000 "${movable[@]}"
	expect_moves 300 100
	# At the same addresses again.
	trace_launched -- setarch -R "$TARGETS/moves" 30000 "${movable[@]}" again
	expect_moves 400 400
	"$MEMTRACE" record -o recording -- setarch -R "$TARGETS/moves" 0 "${movable[@]}" again >out 2>err
	"$MEMTRACE" report recording --json=report.json >out 2>err
	expect_moves 400 400
}
