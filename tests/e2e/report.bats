#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# What the reports hold: the JSON document that other tools rely on, and the text for people.
load helpers

setup()
{
	begin_test
	require_tracing
}

teardown()
{
	end_test
}

@test "the JSON has every key that other tools rely on" {
	trace_launched -- "$TARGETS/storm" 1 5000 1
	jq -e '(.version | type) == "number"
		and (.target | has("pid") and has("command"))
		and (.duration_ns > 0)
		and (.events | has("seen") and has("lost") and has("lost_by_cause"))
		and (.heap | [has("alloc_count", "alloc_bytes", "free_count", "freed_bytes",
			"live_count", "live_bytes", "peak_bytes", "peak_at_ns", "temporary_count",
			"failed_count", "untracked_free_count")] | all)
		and (.mappings | type) == "object"
		and (.sites | length > 0)
		and ([.sites[] | has("alloc_count", "alloc_bytes", "free_count", "live_count",
			"live_bytes", "temporary_count", "oldest_age_ns", "stack")] | all)
		and ([.sites[].stack[] | has("address")] | all)' report.json
}

@test "every number in the JSON is exact: no fractions, none negative" {
	trace_launched -- "$TARGETS/storm" 4 5000 1
	jq -e '[.. | numbers | . >= 0 and . == floor] | all' report.json
}

@test "--json writes the document to standard output, and nothing else" {
	timeout 60 "$MEMTRACE" --json -- "$TARGETS/storm" 1 1000 1 >report.json 2>err
	expect .heap.alloc_count "$(truth alloc_count)"
}

@test "events seen are the calls that were counted" {
	trace_launched -- "$TARGETS/failures"
	expect .events.seen $(($(truth alloc_count) + $(truth free_count) + $(truth failed_count)))
}

@test "sites name the function, its file and the line" {
	trace_launched -- "$TARGETS/leak" 2000
	jq -e '[.sites[].stack[0].function] | index("remember_session") != null' report.json
	jq -e '[.sites[].stack[] | select(.module // "" | endswith("/leak")) | has("offset", "build_id")]
		| all' report.json
}

@test "inlined calls have lines of their own, also with -g1" {
	local program name want
	want=$(for name in keep_block fill_row fill_table; do
		grep -n "line of $name " "$ROOT/tests/targets/heap/inlined.c" | sed "s/:.*/ $name/"
	done)
	for program in inlined inlined-g1; do
		trace_launched -- "$TARGETS/$program"
		[ "$(report '.sites[] | select(.alloc_count == 50) | .stack[:3][] |
			"\(.line) \(.function)"')" = "$want" ] || fail "$program: $(report '.sites[].stack[:3]')"
	done
}

@test "the leak is the top site of a program that leaks from one place among many" {
	trace_launched --sort live -- "$TARGETS/leak" 20000
	[[ $(report '.sites[0].stack | map(.function // "") | join(" ")') == *remember_session* ]]
	grep -q remember_session out
}

@test "--top limits the sites, and without it JSON has them all" {
	trace_launched -- "$TARGETS/leak" 2000
	local all
	all=$(report '.sites | length')
	[ "$all" -gt 3 ]
	trace_launched --top 3 -- "$TARGETS/leak" 2000
	expect '.sites | length' 3
}

@test "--sort orders the sites by what it names" {
	local key
	for pair in live:live_bytes alloc:alloc_bytes count:alloc_count temporary:temporary_count; do
		key=${pair#*:}
		trace_launched --sort "${pair%:*}" -- "$TARGETS/leak" 2000
		expect "[.sites[].$key] | . == (sort | reverse)" true
	done
	trace_launched --sort age -- "$TARGETS/leak" 2000
	expect '[.sites[] | .oldest_age_ns // 0] | . == (sort | reverse)' true
}

@test "--min-size and --max-size count only blocks within them" {
	trace_launched -- "$TARGETS/storm" 1 10000 1
	local all large small
	all=$(report .heap.alloc_count)
	rm truth
	trace_launched --min-size 1001 -- "$TARGETS/storm" 1 10000 1
	large=$(report .heap.alloc_count)
	trace_launched --max-size 1000 -- "$TARGETS/storm" 1 10000 1
	small=$(report .heap.alloc_count)
	[ "$large" -gt 0 ] && [ "$small" -gt 0 ]
	[ $((large + small)) = "$all" ]
}

@test "--older-than leaves out young blocks" {
	start_target "$TARGETS/storm" 1 10000 1
	start_memtrace -p "$TARGET" --json=report.json --older-than 600
	wait_attached
	open_gate
	stop_memtrace
	expect '[.sites[].live_bytes] | add // 0' 0
}

# show COLUMNS COMMAND...: the output on a terminal, without its escapes, in the file screen.
show()
{
	local columns=$1
	shift
	TERM=xterm NO_COLOR='' timeout 60 script -qec "stty cols $columns rows 40; $*" screen.raw \
		</dev/null >/dev/null 3>&-
	sed 's/\x1b\[[0-9;]*m//g; s/\r$//; /^Script /d' screen.raw >screen
}

@test "a report fits a terminal of 80 columns and is whole in a pipe" {
	"$MEMTRACE" record -o run.rec -- "$TARGETS/names" >/dev/null 2>err
	show 80 "$MEMTRACE" report run.rec
	[ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' screen)" -le 80 ] ||
		fail "too wide"
	grep -q '\.\.\.' screen || fail "nothing is cut"
	"$MEMTRACE" report run.rec | cat >out
	grep -q 'with_a_name_that_no_terminal_of_eighty_columns_can_hold_beside_the_place_it_is_in *names\.c:' \
		out || fail "the name is cut"
	[ "$(wc -l <out)" -le 50 ] || fail "$(wc -l <out) lines"
}

# Its lines are in a file beside it, named in .gnu_debuglink and read by a process without privileges.
@test "a stripped program that is started by a relative path has its lines" {
	local line
	objcopy --only-keep-debug "$TARGETS/inlined" ./inlined.debug
	objcopy --strip-all --add-gnu-debuglink=./inlined.debug "$TARGETS/inlined" ./inlined
	trace_launched -- ./inlined
	line=$(grep -n "line of keep_block " "$ROOT/tests/targets/heap/inlined.c" | sed 's/:.*//')
	expect '.sites[] | select(.alloc_count == 50) | .stack[0] | "\(.line) \(.function)"' "$line keep_block"
}

@test "names cannot reorder, hide or colour what a report shows" {
	local format
	"$MEMTRACE" record --hold 20s -o run.rec -- "$TARGETS/names" >/dev/null 2>err
	for format in text folded dot json html; do
		"$MEMTRACE" report --top 20 -F $format run.rec >out
		! grep -qP '\xe2\x80\xae|\xe2\x80\x8b|\x1b' out || fail "raw in $format"
	done
	"$MEMTRACE" report --top 20 run.rec >out
	grep -q 'backwards?' out || fail "$(cat out)"
}

@test "a program's own name cannot reorder, hide or colour a line" {
	local name=$'n\e[31m\u202e\xff\nforged' command
	cp "$TARGETS/names" "./$name"
	for command in trace order; do
		"$MEMTRACE" $command -- "./$name" >out 2>err
		grep -q '^attached to .*n?\[31m???forged' err || fail "$command: no name"
		! grep -qP '\xe2\x80\xae|\xff|\x1b|^forged' out err || fail "raw in $command: $(cat -v out err)"
	done
}

@test "colours are for a terminal, unless NO_COLOR is set" {
	"$MEMTRACE" record -o run.rec -- "$TARGETS/storm" 1 100 1 >/dev/null 2>err
	show 80 "$MEMTRACE" report run.rec
	grep -q $'\e\[1m' screen.raw || fail "no colour"
	show 80 NO_COLOR=1 "$MEMTRACE" report run.rec
	! grep -q $'\e\[' screen.raw || fail "colour"
	"$MEMTRACE" report run.rec >out
	! grep -q $'\e' out || fail "colour in a file"
}

@test "reports of an interval say when they are from" {
	timeout 60 "$MEMTRACE" -i 0.3 -d 1.4 -- sleep 1 >out 2>err
	[ "$(grep -cE '^--- [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}, .* into the run ---$' out)" -ge 2 ] ||
		fail "$(grep -e --- out)"
}

# expect_mappings: the account of an attached run of the target `mappings`.
expect_mappings()
{
	expect .heap.alloc_count 0
	local key
	for key in mmap_count mmap_bytes munmap_count munmap_bytes mremap_count; do
		[ "$(report ".mappings.$key")" = "$(truth $key)" ] ||
			fail "mappings.$key is $(report ".mappings.$key"), the truth is $(truth $key)"
	done
	expect '.mappings | .brk_grown_bytes - .brk_shrunk_bytes' "$(truth brk_growth)"
}

@test "the account of mappings is exact, and apart from the heap" {
	trace_attached -- "$TARGETS/mappings"
	expect_mappings
}

@test "without tracefs and with the least of capabilities the account of mappings is as exact" {
	require_command setpriv
	unshare -m true 2>/dev/null || skip "no mount namespace can be made"
	cat >least <<-'SH'
		#!/bin/sh
		umount /sys/kernel/tracing /sys/kernel/debug/tracing /sys/kernel/debug 2>/dev/null
		exec setpriv --bounding-set=-all,+bpf,+perfmon,+sys_ptrace --inh-caps=-all "$REAL" "$@"
	SH
	chmod +x least
	cat >wrapped <<-'SH'
		#!/bin/sh
		exec unshare -m "${0%wrapped}least" "$@"
	SH
	chmod +x wrapped
	export REAL=$MEMTRACE
	MEMTRACE=$PWD/wrapped
	trace_attached -v -- "$TARGETS/mappings"
	grep -q 'mappings are followed by: the end of every system call' err || fail "it had tracefs"
	expect_mappings
}

@test "a file name that is no text becomes valid JSON" {
	cp "$TARGETS/storm" "$(printf 'st\xffrm "\n')"
	trace_launched -- "./$(printf 'st\xffrm "\n')" 1 100 1
	jq -e .version report.json
	expect .heap.alloc_count "$(truth alloc_count)"
}

@test "-v names the chosen site and its reason for each function" {
	timeout 60 "$MEMTRACE" -v -- "$TARGETS/storm" 1 100 1 >out 2>err
	grep -qE 'malloc\+?[0-9x]*.*(emulated|push|nop|single|jump|j[a-z]+)' err
	grep -qE ' free\+?[0-9x]*' err
}
