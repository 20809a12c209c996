#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Deadlocks of processes that memtrace traces: in its report, on stderr, and in its exit status.
bats_require_minimum_version 1.5.0
load helpers
load locks_helpers

setup()
{
	begin_test
	require_tracing
	export HUNG=$BATS_TEST_TMPDIR
	touch "$HUNG/pids"
}

teardown()
{
	end_hung
	end_test
}

# expect_traced NAME: what the tracer's report says is the truth, and its exit status 3.
expect_traced()
{
	local differences
	[ "$LOOK_STATUS" = 3 ] || fail "status $LOOK_STATUS, not 3"
	differences=$(jq -r --slurpfile truth "$HUNG/$1" "$DIFFERENCES" report.json) ||
		fail "no readable report"
	[ -z "$differences" ] || fail "$1: $differences"
	expect .events.lost 0
}

# The command that memtrace launched outlives it, hanging: ended by its PID.
end_command()
{
	kill -KILL "$(jq -sr '.[0].pid' "$HUNG/$1")" 2>/dev/null || true
}

@test "incident (a) launched: reported at the end of -d, with exit status 3" {
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" -d 4s --json=report.json -- env LD_PRELOAD="$LOCK_TARGETS/libhooks.so" \
		"$LOCK_TARGETS/incident_a" "$HUNG/incident-a" "$LOCK_TARGETS" >out 2>err || LOOK_STATUS=$?
	end_command incident-a
	expect_traced incident-a
	grep -q 'DEADLOCK: 2 threads wait for each other' err || fail "not said while it traced"
	expect '[.deadlocks[0].cycle[].waits_for] | sort | join(" ")' "_dl_load_tls_lock hook_lock"
	# Through the return probe on malloc to the program.
	for function in dlopen main; do
		[ "$(frames_named $function)" -gt 0 ] || fail "no $function on a stack"
	done
	grep -qE ' dlopen( |$)' out || fail "the folded stack does not come to the program"
}

@test "incident (b) launched, and ended by Ctrl-C: a self-deadlock before main" {
	local jemalloc
	jemalloc=$(gcc -print-file-name=libjemalloc.so.2)
	require_file "$jemalloc"
	env TRUTH_FILE="$HUNG/incident-b" "$MEMTRACE" --json=report.json -- env \
		LD_PRELOAD="$LOCK_TARGETS/libtrylock.so $jemalloc" "$LOCK_TARGETS/incident_b" >out 2>err 3>&- &
	TRACER=$!
	STARTED+=("$TRACER")
	wait_until $WAIT_SECONDS grep -q 'SELF-DEADLOCK' err || fail "not said while it traced"
	kill -INT "$TRACER"
	LOOK_STATUS=0
	finish "$TRACER" || LOOK_STATUS=$?
	end_command incident-b
	expect_traced incident-b
	expect '.deadlocks[0].cycle[0].certainty' inferred
}

@test "a lock in a heap block has the block's size and the stack that allocated it" {
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" -d 2s --json=report.json -- "$LOCK_TARGETS/knots" heap "$HUNG/heap" \
		>out 2>err || LOOK_STATUS=$?
	end_command heap
	expect_traced heap
	expect '.waits[0].lock.block.size' 40
	expect '[.waits[0].lock.block.stack[].function] | any(. == "make_cache_lock")' true
	timeout 60 "$MEMTRACE" -d 2s -- "$LOCK_TARGETS/knots" heap "$HUNG/heap2" >out 2>err || true
	end_command heap2
	grep -q 'allocated by' out || fail "$(cat out)"
}

@test "attached to a process that hangs already" {
	hang loader-lock "$LOCK_TARGETS/loader" loader-lock "$HUNG/loader-lock" "$LOCK_TARGETS/plugin.so"
	wait_hung loader-lock
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" -p "$(hung_pid loader-lock)" -d 2s --json=report.json >out 2>err ||
		LOOK_STATUS=$?
	expect_traced loader-lock
}

@test "a process without a deadlock: its waits are in the report, and the status is 0" {
	hang condition "$LOCK_TARGETS/knots" condition "$HUNG/condition"
	wait_hung condition
	timeout 60 "$MEMTRACE" -p "$(hung_pid condition)" -d 1s --json=report.json >out 2>err
	expect '.deadlocks | length' 0
	expect '.waits | length' 1
	expect '.waits[0].verdict' HUNG
	expect '.hung | length' 1
}
