#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# An operator new that throws reaches its catch under the tracer, whatever kind of links the kernel
# has, and every call is counted. MEMTRACE_LINKS makes this kernel's newer kinds unused.
load helpers

setup()
{
	begin_test
	require_tracing
	LIBRARIES=$(dirname "$(gcc -print-file-name=libjemalloc.so)")
}

teardown()
{
	unset MEMTRACE_LINKS
	end_test
}

# use_links KIND: from here on; skips the test where the kernel has none such.
use_links()
{
	export MEMTRACE_LINKS=$1
	[ "$1" = perf ] || "$MEMTRACE" doctor | grep -q "^  uprobe $1 *yes" ||
		skip "no links of the kind $1"
}

# expect_failures_and_work PROGRAM: all that it did, and nothing freed that was never seen.
expect_failures_and_work()
{
	expect_own_calls "$1"
	expect .heap.failed_count "$(truth failed_count)"
	expect .heap.untracked_free_count 0
}

# throw_under KIND LIBRARY: with operators that a library brings.
throw_under()
{
	use_links "$1"
	require_file "$LIBRARIES/$2"
	trace_attached -- env LD_PRELOAD="$LIBRARIES/$2" "$TARGETS/throwing"
	expect_failures_and_work throwing
}

@test "jemalloc's operator new throws through perf links" {
	throw_under perf libjemalloc.so.2
}

@test "tcmalloc's operator new throws through multi links" {
	throw_under multi libtcmalloc_minimal.so.4
}

@test "mimalloc's operators new are counted through multi links" {
	use_links multi
	require_file "$LIBRARIES/libmimalloc.so.2"
	trace_attached -- env LD_PRELOAD="$LIBRARIES/libmimalloc.so.2" "$TARGETS/every_new"
	expect_totals
}

@test "a program's own operator new throws at a small size" {
	trace_attached -- "$TARGETS/throwing-pool" 5000
	expect_failures_and_work throwing-pool
}

@test "an operator new that fails for the limit of its process throws through multi links" {
	use_links multi
	require_file "$LIBRARIES/libjemalloc.so.2"
	trace_attached -- env LD_PRELOAD="$LIBRARIES/libjemalloc.so.2" \
		prlimit --as=$((1 << 30)) "$TARGETS/throwing" $((1 << 30))
	expect_failures_and_work throwing
}

@test "an operator new that fails for the limit of its allocator throws" {
	require_file "$LIBRARIES/libtcmalloc_minimal.so.4"
	trace_attached -- env LD_PRELOAD="$LIBRARIES/libtcmalloc_minimal.so.4" \
		TCMALLOC_HEAP_LIMIT_MB=64 "$TARGETS/throwing" $((256 << 20))
	expect_failures_and_work throwing
}

@test "links of a kind that does not exist are refused in words" {
	MEMTRACE_LINKS=best run timeout 30 "$MEMTRACE" -- true
	expect_error 1 "MEMTRACE_LINKS must be session, multi or perf"
}

# trace_twice COMMAND...: two memtraces at one process, the second with another kind of links; leaves
# first.json and second.json. The first one's return probe stands in the place where the second one
# reads who called.
trace_twice()
{
	local first
	start_target "$@"
	start_memtrace -p "$TARGET" --json=first.json
	wait_attached
	first=$TRACER
	use_links multi
	start_memtrace -p "$TARGET" --json=second.json
	wait_attached
	open_gate
	stop_memtrace
	TRACER=$first
	stop_memtrace
	close_gate
	finish "$TARGET" || fail "the target ended with status $?"
}

@test "two memtraces at one process are both exact, with both kinds of returns" {
	require_file "$LIBRARIES/libjemalloc.so.2"
	trace_twice env LD_PRELOAD="$LIBRARIES/libjemalloc.so.2" "$TARGETS/every_new"
	for run in first second; do
		mv $run.json report.json
		expect_totals
		expect '[.sites[] | select(.stack[0].module | endswith("/every_new") | not)]
			| length' 0
	done
}

@test "two memtraces at one process whose operator new throws are both exact" {
	local library
	for library in libjemalloc.so.2 libtcmalloc_minimal.so.4; do
		require_file "$LIBRARIES/$library"
		rm -f truth
		trace_twice env LD_PRELOAD="$LIBRARIES/$library" "$TARGETS/throwing"
		for run in first second; do
			mv $run.json report.json
			expect_failures_and_work throwing
		done
	done
}
