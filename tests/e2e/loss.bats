#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# A number without its loss is a lie.
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

@test "with a tiny ring, seen + lost equals the truth, and the report says so in words" {
	trace_attached --ring-size 4096 -- "$TARGETS/storm" 4 200000 9
	local calls seen lost
	calls=$(($(truth alloc_count) + $(truth free_count) + $(truth untracked_free_count)))
	seen=$(report .events.seen)
	lost=$(report .events.lost)
	[ "$lost" -gt 0 ] || fail "nothing was lost: the test proves nothing"
	[ $((seen + lost)) = $calls ] || fail "$seen seen + $lost lost are not the $calls calls"
	[ "$(report '[.events.lost_by_cause[]] | add')" -ge "$lost" ]
	grep -qi 'lost' out || fail "no word of it in the report"
	grep -q -- '--ring-size' out || fail "no remedy in the report"
}

@test "with nothing lost, the report says so" {
	trace_launched -- "$TARGETS/storm" 1 1000 1
	grep -qiE '(0|nothing|none|no events?) lost|lost:? *(0|nothing|none)' out
}

@test "a ring size that is no size is refused" {
	for size in -1 nonsense 99999999999999999999; do
		run timeout 30 "$MEMTRACE" --ring-size "$size" -- true
		expect_error 2 "ring-size"
	done
}

@test "a run ends, with its command's status, although no record told of it" {
	# More records than the control ring holds while memtrace cannot read it.
	start_memtrace -f --json=report.json -- "$TARGETS/children" 45000 "$PWD/all-ended" 7
	wait_attached
	kill -STOP "$TRACER"
	wait_until $RUN_SECONDS test -e all-ended || fail "the children do not end"
	kill -CONT "$TRACER"
	finish "$TRACER" || fail "memtrace ended with status $?"
	expect '.events.other_losses.control_ring_full > 0' true
	expect '.command_status.exited' 7
	[[ $(tr -s '\n ' ' ' <out) == *"give memtrace more processor time"* ]] || fail "no remedy in the report"
}

@test "processes whose ends were lost with a full ring do not count as running" {
	start_memtrace -f --ring-size 4096 --json=report.json -- "$TARGETS/children" 3000 "$PWD/all-ended"
	# A memtrace that keeps up loses nothing.
	wait_attached
	kill -STOP "$TRACER"
	wait_until $RUN_SECONDS test -e all-ended || fail "the children do not end"
	kill -CONT "$TRACER"
	finish "$TRACER" || fail "memtrace ended with status $?"
	expect '.events.other_losses.process_ring_full > 0' true
	expect '[.processes[] | select(has("end_ns") | not)] | length' 0
}
