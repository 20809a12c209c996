#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# --mode growth: which call paths make resident memory grow, by samples of page faults.

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

# grown KEY FUNCTION: MiB of the sites below a function of the program.
grown()
{
	report "[.sites[] | select([.stack[].function] | index(\"$2\")) | .$1] | add // 0 | . / 1048576 | round"
}

# expect_about KEY FUNCTION MIB: an estimate, to a quarter.
expect_about()
{
	local got
	got=$(grown "$1" "$2")
	[ $((got * 4)) -ge $(($3 * 3)) ] && [ $((got * 4)) -le $(($3 * 5)) ] ||
		fail "$1 of $2 is $got MiB, not about $3"
}

@test "attached: what was faulted in and is still there, by call path" {
	trace_attached --mode growth -- "$TARGETS/grows"
	expect .settings.mode growth
	expect_about live_bytes keep_it 24
	expect_about live_bytes move_it 16
	expect_about alloc_bytes unmap_it 32
	expect_about alloc_bytes advise_it 16
	[ "$(grown live_bytes unmap_it)" = 0 ] || fail "what was unmapped is still resident"
	[ "$(grown live_bytes advise_it)" = 0 ] || fail "what madvise gave back is still resident"
	expect '[.mapped_sites[] | select([.stack[].function] | index("keep_it")) | .mapped_bytes] |
		add >= 24 * 1048576' true
}

@test "huge pages are told from small ones" {
	grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled && skip "no huge pages here"
	trace_attached --mode growth -- "$TARGETS/grows" huge
	expect_about live_bytes grow_by_huge_pages 32
	expect_about live_bytes grow_by_small_pages 16
}

@test "launched, followed and recorded: a child's growth, in the formats of a report" {
	start_memtrace --mode growth -f -o run.mtr -- "$TARGETS/grows" fork
	finish "$TRACER" || fail "memtrace ended with status $?"
	grep -q 'faulted in' out || fail "the text does not say what it counts"
	grep -q 'Bytes are estimates' out || fail "the text does not say that it is an estimate"
	"$MEMTRACE" report run.mtr --json=report.json -F folded -o folded --weight left-bytes
	expect_about at_exit_bytes keep_it 24
	expect_about at_exit_bytes move_it 16
	[ "$(grown at_exit_bytes unmap_it)" = 0 ] || fail "what was unmapped was left"
	grep -q 'keep_it;.* [0-9]' folded || fail "no folded stack of keep_it"
	"$MEMTRACE" report run.mtr >text
	grep -q 'faulted in' text || fail "the replayed text speaks of blocks"
}

@test "options that do not go with it are refused" {
	run "$MEMTRACE" --mode growth --allocator libfoo.so -- true
	[ "$status" = 2 ] || fail "status $status"
	run "$MEMTRACE" --mode growth --leaks -- true
	[ "$status" = 2 ] || fail "status $status"
	run "$MEMTRACE" --mode growth --mappings=off -- true
	[ "$status" = 2 ] || fail "status $status"
	run "$MEMTRACE" --mode heavy -- true
	[ "$status" = 2 ] || fail "status $status"
}

@test "--mappings=off: blocks are exact, libraries are found, there is no account" {
	trace_launched --mappings=off -- "$TARGETS/every_c"
	expect .mappings.mmap_count 0
	expect .heap.alloc_count "$(truth alloc_count)"
	expect .heap.free_count "$(truth free_count)"
}
