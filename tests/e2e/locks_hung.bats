#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace locks: processes that can never go on although no lock names its owner.
bats_require_minimum_version 1.5.0
load helpers
load locks_table

# Cycles through locks that name no owner.
UNOWNED=(reader readers own-lock)
STUCK=(nested-monitor barrier semaphores reset forked-mutex forked-word pool)

setup_file()
{
	local name
	hang_all stuck "${STUCK[@]}" "${UNOWNED[@]}"
	hang_all_idle stuck "${UNOWNED[@]}"
	for name in absl_locks-mutexes absl_locks-condition qt_locks-mutexes qt_locks-reader \
		qt_locks-others; do
		[ -x "$LOCK_TARGETS/${name%-*}" ] || continue
		hang "$name" "$LOCK_TARGETS/${name%-*}" "${name#*-}" "$HUNG/$name"
		wait_hung "$name"
	done
	wait_all_hung "${STUCK[@]}" "${UNOWNED[@]}" "${UNOWNED[@]/%/-idle}"
}

@test "a nested monitor and a barrier: what who sleeps there holds, and who waits for that" {
	local name
	for name in nested-monitor barrier; do
		check "$name"
		expect '.hung | map(.threads) | join(" ")' 3
		expect '[.waits[].holds[].lock] | join(" ")' state_lock
	done
	"$MEMTRACE" locks -p "$(hung_pid barrier)" >out || [ $? = 3 ]
	grep -q '^HUNG: all 3 threads of stuck (PID [0-9]*) wait, none with a timeout' out
	grep -q '^      it holds mutex state_lock,$' out
	grep -q '^        for which late (.*) waits$' out
	run ! grep 'No deadlock' out
}

@test "semaphores taken in opposite order: the process hangs" {
	check semaphores
}

@test "a mutex that was initialized anew under a waiter" {
	check reset
	expect '.waits | map(select(.kind == "mutex"))[0].owner.reason | test("^free, and yet TID")' true
}

@test "locks whose owner the fork did not copy, named and nameless" {
	local name
	for name in mutex word; do
		check forked-$name
		expect '.waits[0].owner.reason | test("^forked from PID [0-9]+ while .*not copied$")' true
	done
}

@test "idle workers beside a thread in epoll do not hang" {
	check pool
	expect '.hung | length' 0
	expect '[.waits[].verdict] | unique | join(" ")' STALL
	"$MEMTRACE" locks -p "$(hung_pid pool)" >out
	grep -q '^No cycle of known owners.$' out
}

# Whether every wait of NAME is so old that a suspicion counts.
is_old()
{
	look_at "$1"
	jq -e '.deadlocks | length > 0' report.json >/dev/null
}

@test "the reader of a rwlock that waits elsewhere, not the writer itself" {
	check reader "exact inferred"
}

@test "three in a cycle: a writer, the reader it waits for, and the one behind the writer" {
	check readers "exact inferred"
	expect '.deadlocks[0].cycle | length' 3
}

@test "a lock of the application's own making" {
	check own-lock "exact inferred"
}

@test "the same beside 50 idle threads: suspected, with the reason" {
	local name
	for name in "${UNOWNED[@]}"; do
		wait_until $WAIT_SECONDS is_old "$name-idle" || fail "$name: no deadlock"
		check "$name-idle"
		expect '.deadlocks[0].certainty' suspected
		expect '[.waits[].owner | select(.certainty == "suspected") | .reason
			| test("^suspected, the lock.s address is in its frames")] | all' true
	done
}

@test "locks of absl, whatever its inline namespace is called" {
	[ -x "$LOCK_TARGETS/absl_locks" ] || skip "no absl"
	check absl_locks-mutexes inferred
	expect '[.deadlocks[].cycle[].kind] | unique | join(" ")' mutex
	check absl_locks-condition
	expect '.waits[0].kind' condition
}

@test "locks of Qt: mutexes, the reader of a rwlock, a thread that is waited for" {
	[ -x "$LOCK_TARGETS/qt_locks" ] || skip "no Qt"
	check qt_locks-mutexes inferred
	look_at qt_locks-reader
	expect '[.deadlocks[].cycle[] | "\(.comm) \(.kind) \(.certainty)"] | sort | join(", ")' \
		"reader mutex exact, writer rwlock-write inferred"
	expect '[.waits[] | select(.kind == "rwlock-write").lock.name] | join(" ")' model
	look_at qt_locks-others
	expect '[.waits[].kind] | sort | join(" ")' "join semaphore"
	expect '(.waits[] | select(.kind == "join").owner | "\(.tid) \(.certainty)")
		== (.waits[] | select(.kind == "semaphore") | "\(.tid) inferred")' true
	expect '.hung | length' 1
}
