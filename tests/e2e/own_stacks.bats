#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Allocation functions in the midst of which a program goes elsewhere: fibers, longjmp, signals. The
# traced program ends as the untraced one does, and what returned is counted to the unit, with every
# kind of links. MEMTRACE_LINKS makes this kernel's newer kinds unused.
load helpers

setup()
{
	begin_test
	require_tracing
}

teardown()
{
	unset MEMTRACE_LINKS
	end_test
}

# same_end PROGRAM ARG...: the last traced run of it ended as an untraced one does.
same_end()
{
	local status=0
	TRUTH=untraced "$@" >untraced.out || status=$?
	expect .command_status.exited "$status"
	grep -qFf untraced.out out || fail "untraced it says: $(cat untraced.out)"
}

# gives_way WAY LOST: with all kinds of links, calls that never return counted as lost.
gives_way()
{
	local kind
	for kind in session multi perf; do
		[ "$kind" = perf ] || "$MEMTRACE" doctor | grep -q "^  uprobe $kind *yes" || continue
		rm -f truth
		MEMTRACE_LINKS=$kind trace_launched -- "$TARGETS/gives_way" "$1"
		same_end "$TARGETS/gives_way" "$1"
		expect_own_counts gives_way
		expect .events.lost "$2"
	done
}

# expect_own_counts PROGRAM: whatever was lost beside.
expect_own_counts()
{
	local key got
	for key in "${OWN_TOTALS[@]}"; do
		got=$(jq --arg name "$1" "$OWN_SITES | map(.$key) | add // 0" report.json)
		[ "$got" = "$(truth "$key")" ] ||
			fail "$MEMTRACE_LINKS: $key is $got, the truth is $(truth "$key")"
	done
	expect .heap.untracked_free_count 0
}

@test "a malloc that gives way to another fiber is counted, and lives" {
	gives_way swap 0
}

@test "a malloc that goes on in another thread is counted there" {
	gives_way migrate 0
}

@test "a malloc that longjmp leaves is lost, and told" {
	gives_way jump 5
}

@test "a malloc on a stack that is unmapped is lost, and told" {
	gives_way abandon 5
}

@test "a signal handler's calls are not those of the malloc that it interrupts" {
	gives_way signal 0
}

@test "a malloc that a signal handler leaves is lost, and told" {
	gives_way leave 5
}

@test "children in the same memory leave a malloc as it is" {
	gives_way vfork 0
	gives_way clone 0
}

@test "a preloaded malloc that gives way and jumps to the real one is counted" {
	trace_launched -- env LD_PRELOAD="$TARGETS/libgives_way.so" "$TARGETS/gives_way-preloaded" migrate
	expect_own_counts gives_way-preloaded
	expect .events.lost 0
	grep -q "^migrate: 450 calls returned" out
}

@test "stacks of Boost.Context's fibers are complete" {
	require_file "$TARGETS/fibers"
	trace_launched -- "$TARGETS/fibers"
	expect '[.sites[] | select(.stack | map(.function // "") | any(startswith("allocate("))) |
		.alloc_count] | add' "$(truth alloc_count)"
	expect_nothing_lost
	expect '[.sites[] | select(.stack | map(.function // "") | index("make_fcontext")) | .stack_end] |
		unique | join(" ")' complete
}
