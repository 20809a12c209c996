#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace locks: a mutex of each type taken twice, and what else C libraries test that it hangs.
# One look at all of them, then each is compared with what it says of itself.
bats_require_minimum_version 1.5.0
load helpers
load locks_helpers

MISUSES=(normal-twice adaptive-twice robust-twice inheriting-twice shared-twice upgrade both-upgrade
	once-in-once unsignalled unposted spin-twice ended-owner forked-reader)
# What still can never go on while other threads sleep with a timeout, and is seen to.
IDLE_MISUSES=(normal-twice inheriting-twice upgrade both-upgrade once-in-once ended-owner)

setup_file()
{
	export HUNG=$BATS_FILE_TMPDIR
	local name
	for name in "${MISUSES[@]}"; do
		hang "$name" "$LOCK_TARGETS/misuse" "$name" "$HUNG/$name"
	done
	for name in "${IDLE_MISUSES[@]}"; do
		hang "$name-idle" env IDLE_THREADS=50 "$LOCK_TARGETS/misuse" "$name" "$HUNG/$name-idle"
	done
	for name in "${MISUSES[@]}" "${IDLE_MISUSES[@]/%/-idle}"; do
		wait_hung "$name"
	done
}

teardown_file()
{
	end_hung
}

setup()
{
	begin_test
	require_tracing
}

teardown()
{
	end_test
}

# look_at_all NAME...: into all.json.
look_at_all()
{
	local name options=()
	for name; do
		options+=(-p "$(hung_pid "$name")")
	done
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" locks "${options[@]}" --json=all.json >out 2>err || LOOK_STATUS=$?
}

# differences_of NAME: between its truth and its part of all.json.
differences_of()
{
	jq --argjson pid "$(hung_pid "$1")" '
		(.deadlocks, .warnings) |= map(select(.cycle[0].pid == $pid))
		| (.waits, .hung) |= map(select(.pid == $pid))' all.json >report.json &&
		jq -r --slurpfile truth "$HUNG/$1" "$DIFFERENCES" report.json
}

# say_the_truth NAME...: of all of them; a suspicion may have to grow a second old.
say_the_truth()
{
	local name
	look_at_all "$@"
	for name; do
		[ -z "$(differences_of "$name")" ] || return 1
	done
}

expect_all()
{
	local name
	wait_until $WAIT_SECONDS say_the_truth "$@" || for name; do
		[ -z "$(differences_of "$name")" ] || fail "$name: $(differences_of "$name")"
	done
	[ "$LOOK_STATUS" = 3 ] || fail "status $LOOK_STATUS"
}

@test "each misuse of a lock is called what it is" {
	expect_all "${MISUSES[@]}"
}

@test "the same beside 50 idle threads" {
	expect_all "${IDLE_MISUSES[@]/%/-idle}"
	differences_of both-upgrade-idle
	expect '.deadlocks[0].certainty' suspected
	expect '[.waits[].owner.reason | test("takes the lock twice|next in line")] | all' true
}

@test "whoever waits for one that has ended hangs, whatever others do; a spin lock runs" {
	look_at ended-owner-idle
	[ "$LOOK_STATUS" = 3 ] || fail "status $LOOK_STATUS"
	look_at spin-twice
	[ "$LOOK_STATUS" = 0 ] || fail "status $LOOK_STATUS"
	"$MEMTRACE" locks -p "$(hung_pid spin-twice)" >page
	grep -q '^  misuse (PID .*): runs' page
}
