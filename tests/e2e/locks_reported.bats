#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace locks: hangs of the kinds that are reported most, alone and beside 50 idle threads; Java.
bats_require_minimum_version 1.5.0
load helpers
load locks_table

REPORTED=(shared-mutex call-once promises recursive timed join-ring exit-handler iterate-modules
	forked-zone held-over-read)
# The child of a fork has no idle threads.
IDLE_REPORTED=(shared-mutex call-once promises recursive timed join-ring exit-handler iterate-modules
	held-over-read)
JAVA_HANGS=(locks latch join)

setup_file()
{
	local name
	hang_all reported "${REPORTED[@]}"
	hang_all_idle reported "${IDLE_REPORTED[@]}"
	if command -v javac >/dev/null; then
		javac -d "$HUNG" "$BATS_TEST_DIRNAME/../targets/locks/Hung.java"
		for name in "${JAVA_HANGS[@]}"; do
			hang "java-$name" timeout 600 java -XX:+UseSerialGC -cp "$HUNG" Hung "$name" \
				"$HUNG/java-$name"
		done
	fi
	wait_all_hung "${REPORTED[@]}" "${IDLE_REPORTED[@]/%/-idle}"
}

@test "each reported hang is called what it is" {
	expect_all "${REPORTED[@]}"
}

@test "the same beside 50 idle threads" {
	expect_all "${IDLE_REPORTED[@]/%/-idle}"
}

# say_of NAME FILTER WANTED: what a look at it says.
say_of()
{
	look_at "$1"
	[ "$(jq -r "$2" report.json)" = "$3" ]
}

@test "Java: a cycle of ReentrantLocks, a latch that nobody counts down, a thread that is joined" {
	command -v javac >/dev/null || skip "no JDK"
	wait_all_hung java-locks java-latch java-join
	wait_until $WAIT_SECONDS say_of java-locks \
		'.deadlocks[].cycle | map("\(.comm) \(.certainty)") | sort | join(", ")' \
		"place-order exact, restock exact" || fail "$(jq -c .waits report.json)"
	[ "$LOOK_STATUS" = 3 ] || fail "status $LOOK_STATUS"
	expect '[.waits[] | select(.comm == "restock").lock.name] | join(" ")' \
		'java.util.concurrent.locks.ReentrantLock$NonfairSync'
	wait_until $WAIT_SECONDS say_of java-latch '.hung | map(.threads > 1 and .idle > 3) | join(" ")' true
	[ "$LOOK_STATUS" = 3 ] || fail "status $LOOK_STATUS"
	expect '[.waits[].lock.name | select(. == "java.util.concurrent.CountDownLatch$Sync")] | length' 1
	wait_until $WAIT_SECONDS say_of java-join '.deadlocks[].cycle | map(.kind) | sort | join(" ")' \
		"join runtime"
}
