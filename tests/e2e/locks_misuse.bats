#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace locks: a mutex of each type taken twice, and what else C libraries test that it hangs.
# One look at all of them, then each is compared with what it says of itself.
bats_require_minimum_version 1.5.0
load helpers
load locks_table

MISUSES=(normal-twice adaptive-twice robust-twice inheriting-twice shared-twice upgrade both-upgrade
	once-in-once unsignalled unposted spin-twice ended-owner forked-reader)
# What still can never go on while other threads sleep with a timeout, and is seen to.
IDLE_MISUSES=(normal-twice inheriting-twice upgrade both-upgrade once-in-once ended-owner)

setup_file()
{
	hang_all misuse "${MISUSES[@]}"
	hang_all_idle misuse "${IDLE_MISUSES[@]}"
	wait_all_hung "${MISUSES[@]}" "${IDLE_MISUSES[@]/%/-idle}"
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
