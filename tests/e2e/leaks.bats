#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# --leaks: what of a trace's live blocks no pointer leads to is what valgrind says of the program.
load helpers

setup()
{
	begin_test
	require_tracing
	LOST=$ROOT/build/targets/census/lost
}

teardown()
{
	end_test
}

# A program that waits for its probes as long as it takes, on a busy machine too.
HOLD=--hold=20s

# leaks_of COMMAND...: runs it to its end, into report.json.
leaks_of()
{
	"$MEMTRACE" $HOLD --leaks --json=report.json -- "$@" >out 2>err ||
		fail "memtrace ended with status $?: $(cat err)"
}

# expect_leaks DEFINITE INDIRECT POSSIBLE, in blocks
expect_leaks()
{
	[ "$(report '[.leaks | .definite, .indirect, .possible | .count] | @csv')" = "$1,$2,$3" ] ||
		fail "lost are $(report '.leaks | del(.sites)'), notes $(report .notes)"
}

# All that a case has is from valgrind --leak-check=full on the same program.
@test "leaks: at a command's end they are valgrind's" {
	local want
	for want in "tree 1 62 0" "cycle 1 2 0" "chains 2 2 0" "inner 0 0 2" "mapped 2 0 0" \
		"threads 1 0 1" "pool 0 0 2"; do
		read -ra want <<<"$want"
		leaks_of "$LOST" "${want[0]}" || return 1
		expect_leaks "${want[@]:1}" || fail "${want[0]}"
	done
	expect '[.leaks | .reachable, .definite, .indirect, .possible | .count] | add == 4' true
}

@test "leaks: another allocator's blocks are told apart as well" {
	local jemalloc=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2
	require_file "$jemalloc"
	leaks_of env LD_PRELOAD="$jemalloc" "$LOST" tree || return 1
	expect_leaks 1 62 0
	expect '[.sites[].leaks.definite.count] | add' 1
}

@test "leaks: a process that runs is looked at, and what it holds is not lost" {
	"$ROOT/build/targets/heap/leak" 1000000000 >/dev/null 2>&1 3>&- &
	STARTED+=($!)
	"$MEMTRACE" -p $! -d 2 --leaks --json=report.json >out 2>err || fail "$(cat err)"
	expect '.leaks.looks >= 3' true
	expect '(.leaks | .definite.count + .indirect.count) > 0' true
	expect '.leaks.sites[0].stack | map(.function) | index("remember_session") != null' true
}

@test "leaks: the exit status tells, and suppressions of both formats take them out" {
	run "$MEMTRACE" $HOLD --exit-code-on-leak 99 --json=report.json -- "$LOST" cycle
	[ "$status" = 99 ] || fail "status $status: $output"
	printf '{\n  ring\n  Memcheck:Leak\n  fun:*alloc\n  fun:new_node\n  ...\n  fun:main\n}\n' >valgrind.supp
	printf '# known\nleak:^new_node$\n' >lsan.supp
	for file in valgrind.supp lsan.supp; do
		run "$MEMTRACE" $HOLD --exit-code-on-leak 99 --suppressions $file --json=report.json -- "$LOST" cycle
		[ "$status" = 0 ] || fail "$file: status $status: $output"
		expect '.leaks.suppressed | .definite.count + .indirect.count' 3
	done
	printf 'leek:x\n' >bad.supp
	run "$MEMTRACE" --suppressions bad.supp -- "$LOST" cycle
	[ "$status" = 1 ] || fail "status $status: $output"
	[[ $output == *"bad.supp:1: neither"* ]] || fail "$output"
}

@test "leaks: a recording has them" {
	"$MEMTRACE" record -o run.mtrace $HOLD --leaks -- "$LOST" chains >out 2>err || fail "$(cat err)"
	"$MEMTRACE" report run.mtrace --json=report.json >out 2>&1 || fail "$(cat out)"
	expect_leaks 2 2 0
	grep -q '^LEAKED: 112 B in 2 blocks' <("$MEMTRACE" report run.mtrace) || fail "no leak in the text"
}
