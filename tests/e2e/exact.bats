#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Totals equal the programs' own counts to the unit: attached between two barriers, and launched.
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

@test "attached: one thread's storm is counted exactly" {
	trace_attached -- "$TARGETS/storm" 1 30000 1
	expect_totals
}

@test "attached: four threads' storm is counted exactly" {
	trace_attached -- "$TARGETS/storm" 4 20000 2
	expect_totals
}

@test "attached: blocks freed by other threads pair up" {
	trace_attached -- "$TARGETS/crossfree" 20000
	expect_totals
}

@test "attached: realloc that grows, shrinks, fails, and frees is counted exactly" {
	trace_attached -- "$TARGETS/reallocs" 100
	expect_totals
}

@test "attached: a hundred short-lived threads' own calls are counted exactly" {
	trace_attached -- "$TARGETS/shortlived" 100
	expect_own_calls shortlived
}

@test "attached: failures are counted and never live" {
	trace_attached -- "$TARGETS/failures"
	expect_totals
}

@test "attached: every C function is counted exactly" {
	trace_attached -- "$TARGETS/every_c"
	expect_totals
}

@test "attached: every operator new and delete is counted exactly" {
	trace_attached -- "$TARGETS/every_new"
	expect_totals
}

@test "attached: operator new that throws reaches its catch, and counts as failed" {
	trace_attached -- "$TARGETS/every_new" fail
	expect_own_calls every_new
	expect .heap.failed_count "$(truth failed_count)"
}

@test "attached: deep C++ containers are counted exactly" {
	trace_attached -- "$TARGETS/containers"
	expect_totals alloc_count alloc_bytes free_count freed_bytes live_count live_bytes
}

@test "attached with -f: a tree of processes is counted exactly" {
	start_target "$TARGETS/forktree" 2 3
	start_memtrace -f -p "$TARGET" --json=report.json
	wait_attached
	touch "$GATE/go"
	finish "$TARGET"
	finish "$TRACER"
	expect_totals
}

@test "attached with -f: leaves that exec start from an empty heap" {
	start_target "$TARGETS/forktree" 2 3 exec
	start_memtrace -f -p "$TARGET" --json=report.json
	wait_attached
	touch "$GATE/go"
	finish "$TARGET"
	finish "$TRACER"
	expect_totals alloc_count alloc_bytes free_count freed_bytes live_count live_bytes
}

@test "attached without -f: a child's calls are not counted" {
	start_target "$TARGETS/forktree" 1 2
	start_memtrace -p "$TARGET" --json=report.json
	wait_attached
	touch "$GATE/go"
	finish "$TARGET"
	finish "$TRACER"
	jq -c "select(.pid == $TARGET)" truth >own && mv own truth
	expect_totals
}

@test "launched: one thread's storm is counted exactly" {
	trace_launched -- "$TARGETS/storm" 1 30000 3
	expect_totals
}

@test "launched: four threads' own calls are counted exactly" {
	trace_launched -- "$TARGETS/storm" 4 20000 4
	expect_own_calls storm
}

@test "launched: blocks freed by other threads pair up" {
	trace_launched -- "$TARGETS/crossfree" 20000
	expect_own_calls crossfree
}

@test "launched: realloc in every way is counted exactly" {
	trace_launched -- "$TARGETS/reallocs" 100
	expect_totals
}

@test "launched: a hundred short-lived threads' own calls are counted exactly" {
	trace_launched -- "$TARGETS/shortlived" 100
	expect_own_calls shortlived
	expect .heap.untracked_free_count 0
}

@test "launched: failures are counted and never live" {
	trace_launched -- "$TARGETS/failures"
	expect_totals
}

@test "launched: every C function is counted exactly" {
	trace_launched -- "$TARGETS/every_c"
	expect_totals
}

@test "launched: every operator new and delete is counted exactly" {
	trace_launched -- "$TARGETS/every_new" fail
	expect_own_calls every_new
	expect .heap.failed_count "$(truth failed_count)"
}

@test "launched with -f: a tree of processes is counted exactly" {
	trace_launched -f -- "$TARGETS/forktree" 3 3
	expect_totals
}

@test "launched with -f: leaves that exec start from an empty heap" {
	trace_launched -f -- "$TARGETS/forktree" 2 3 exec
	expect_totals alloc_count alloc_bytes free_count freed_bytes live_count live_bytes
}

@test "launched: the C library's calls for threads agree with a counting preload" {
	LD_PRELOAD=$TARGETS/libcount_calls.so TRUTH=$PWD/counted \
		trace_launched -- "$TARGETS/shortlived" 100
	# The last line of that process is the preload's. Others write theirs, too: memtrace and sh.
	jq -c "select(.pid == $(report .target.pid))" counted | tail -n 1 >truth
	expect_totals alloc_count alloc_bytes free_count
}

@test "attached twice in a row, the second run sees the first one's blocks as untracked" {
	start_target "$TARGETS/storm" 1 5000 5
	start_memtrace -p "$TARGET" --json=first.json
	wait_attached
	stop_memtrace
	[ "$(jq .events.seen first.json)" = 0 ]
	start_memtrace -p "$TARGET" --json=report.json
	wait_attached
	open_gate
	stop_memtrace
	close_gate
	expect_totals
	[ "$(truth untracked_free_count)" = 37 ]
}
