#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Threads of a target are held until their probes are there: as long as --hold says and no longer,
# once and not again where memtrace does not answer, and exactly so where it does.
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

# expect_one_hold MS: of all pauses one was as long as a hold, and no other was.
expect_one_hold()
{
	local longest second sum
	read -r longest second sum <pauses
	# A thread that waits shares the processor with whatever else runs on the machine.
	[ "$longest" -ge "$1" ] && [ "$longest" -lt $(($1 + 1500)) ] ||
		fail "the longest pause is $longest ms: --hold is $1"
	[ "$second" -lt $(($1 / 2)) ] || fail "a second pause of $second ms"
	[ "$sum" -lt $((longest + 8000)) ] || fail "$sum ms in all"
}

# pauses_without MS [OPTION]... -- PAUSES_ARGUMENT...: memtrace, which holds for MS, is stopped while
# the target works.
pauses_without()
{
	local hold=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	start_target "$TARGETS/pauses" "$@"
	start_memtrace --hold="${hold}ms" -p "$TARGET" --json=report.json "${options[@]}"
	wait_attached
	kill -STOP "$TRACER"
	open_gate
	kill -CONT "$TRACER"
	close_gate
	finish "$TARGET"
	finish "$TRACER" || fail "memtrace ended with status $?"
	expect_one_hold "$hold"
}

# The longest was as on a busy machine, far from the limit.
expect_short_holds()
{
	expect '[.notes[] | capture("(?<most>[0-9.]+) at most").most | tonumber] | max < 4000' true
}

@test "a stopped memtrace costs 200 dlopens one hold, of the length that --hold says" {
	pauses_without 3000 -- 200 "$TARGETS/plugin_a.so"
}

@test "a stopped memtrace costs a hundred forks one hold" {
	pauses_without 1000 -f -- 100
	expect '[.notes[] | select(test("1 went on unprobed at --hold"))] | length' 1
}

@test "a memtrace that is killed lets go whom it holds" {
	start_target "$TARGETS/pauses" 50 "$TARGETS/plugin_a.so"
	start_memtrace --hold=60s -p "$TARGET"
	wait_attached
	kill -STOP "$TRACER"
	touch "$GATE/go"
	sleep 0.5
	[ ! -e "$GATE/done" ] || fail "nobody was held: the test proves nothing"
	kill -KILL "$TRACER"
	wait_until $WAIT_SECONDS test -e "$GATE/done" || fail "the target is held on"
	close_gate
	finish "$TARGET"
}

@test "what was used after a hold in vain is told, with the remedy" {
	start_target "$TARGETS/late" "$TARGETS/libtiny.so" je_
	start_memtrace --allocator "$TARGETS/libtiny.so:je_" --hold=100ms -p "$TARGET" --json=report.json
	wait_attached
	kill -STOP "$TRACER"
	open_gate
	kill -CONT "$TRACER"
	close_gate
	finish "$TARGET"
	finish "$TRACER" || fail "memtrace ended with status $?"
	expect '.events.other_losses.hold_ended > 0' true
	[[ $(tr -s '\n ' ' ' <out) == *"give a larger --hold"* ]] || fail "no remedy in the report"
}

@test "programs that start eight at a time are not held to the limit, and exact" {
	trace_launched -f --hold=10s --exit-status -- \
		sh -c 'seq 60 | xargs -P8 -I{} "$0" work 0' "$TARGETS/offspring"
	expect_own_calls offspring alloc_count alloc_bytes free_count
	expect '[.events.other_losses[]] | add // 0' 0
	expect_short_holds
}

@test "a process that forks faster than its children get their probes waits with them" {
	trace_launched -f --hold=10s --exit-status -- "$TARGETS/offspring" fork 150
	expect_own_calls offspring alloc_count alloc_bytes free_count
	expect '[.events.other_losses[]] | add // 0' 0
	expect_short_holds
}
