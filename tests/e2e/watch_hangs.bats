#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace watch: what can never go on though no cycle of threads' locks says so.
bats_require_minimum_version 1.5.0
load helpers
load locks_helpers

STUCK=(nested-monitor reset forked-mutex pool)
OTHERS=(cross-flock full-pipes supervised)
# Beside the rest of the suite a report with its second look and its lines takes a while.
REPORT_SECONDS=90

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

# start_watch [OPTION]...: in the background, its output in `events`. Sets WATCH.
start_watch()
{
	"$MEMTRACE" watch "$@" >events 2>err 3>&- &
	WATCH=$!
	STARTED+=("$WATCH")
	wait_until $WAIT_SECONDS grep -q '^watching' err || fail "the watch does not start"
}

# Under names that no test beside this one has: the watch goes by them.
hang_all()
{
	local name
	cp "$LOCK_TARGETS/stuck" hangs_stuck
	cp "$LOCK_TARGETS/others" hangs_others
	for name in "${STUCK[@]}"; do
		hang "$name" "$BATS_TEST_TMPDIR/hangs_stuck" "$name" "$HUNG/$name"
	done
	for name in "${OTHERS[@]}"; do
		hang "$name" "$BATS_TEST_TMPDIR/hangs_others" "$name" "$HUNG/$name"
	done
	for name in "${STUCK[@]}" "${OTHERS[@]}"; do
		wait_hung "$name"
	done
}

# verdict NAME: of its first event.
verdict()
{
	jq -sr "map(select(.verdict and .waits and any(.waits[]; .pid == $(hung_pid "$1"))))[0].verdict" \
		events
}

# events_seen COUNT PATTERN: without a process for each look at the file.
events_seen()
{
	[ "$(grep -cE "\"event\": ?\"($2)\"" events)" -ge "$1" ]
}

# A service that waits for the signal that ends it, and an idle worker of its.
start_service()
{
	python3 -c '
import queue, signal, threading
open("/proc/self/comm", "w").write("hangs_python")
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
threading.Thread(target=queue.Queue().get, daemon=True).start()
print("idle", flush=True)
stop.wait()
' >service.out 3>&- &
	STARTED+=($!)
	wait_until $WAIT_SECONDS grep -q idle service.out || fail "the service does not start"
}

@test "HUNG, FORKED, LOST WAKE-UP, cycles of file locks and of pipes: each once, and its end" {
	start_watch --json --comm hangs_stuck --comm hangs_others --comm hangs_python
	hang_all
	start_service
	wait_until $REPORT_SECONDS events_seen 5 'hang|deadlock' || fail "$(jq -c '[.event, .verdict, .waits[].pid]' events)"
	[ "$(verdict nested-monitor)" = HUNG ] || fail "$(verdict nested-monitor)"
	[ "$(verdict reset)" = "LOST WAKE-UP" ] || fail "$(verdict reset)"
	[ "$(verdict forked-mutex)" = FORKED ] || fail "$(verdict forked-mutex)"
	[ "$(verdict cross-flock)" = DEADLOCK ] || fail "$(verdict cross-flock)"
	[ "$(verdict full-pipes)" = DEADLOCK ] || fail "$(verdict full-pipes)"
	jq -se 'map(select(.waits)) | all(any(.waits[].stack[]; .file != null))' events
	jq -se 'map(select(.verdict == "HUNG"))[0].hung | length == 1 and .[0].threads == 3' events
	jq -se 'map(select(.verdict == "FORKED"))[0].waits[0].owner.reason | test("^forked from PID")' events
	end_hung
	wait_until $REPORT_SECONDS events_seen 5 dissolved || fail "$(jq -c '[.event, .number]' events)"
	kill -INT "$WATCH"
	finish "$WATCH" && fail "status 0" || [ $? = 3 ] || fail "status $?"
	[ "$(jq -s 'map(select(.event == "hang" or .event == "deadlock")) | length' events)" = 5 ] ||
		fail "$(jq -c '[.event, .verdict, .waits[].comm]' events)"
	tail -n 1 events >report.json
	expect .deadlocks 2
	expect .hangs 3
}

@test "the text of a process that hangs: the verdict, its waits with source lines, the build IDs" {
	hang nested "$LOCK_TARGETS/stuck" nested-monitor "$HUNG/nested"
	wait_hung nested
	start_watch -p "$(hung_pid nested)"
	wait_until $REPORT_SECONDS grep -q '^  build ID of stuck' events || fail "$(cat events)"
	grep -qE '^[0-9-]{10}T[0-9:]{8}[+-][0-9]{4} HUNG: all 3 threads of stuck \(PID [0-9]+\) wait' events ||
		fail "$(cat events)"
	grep -qE '^        consume  stuck.c:[0-9]+$' events || fail "$(cat events)"
	kill -INT "$WATCH"
	finish "$WATCH" || true
	grep -q ' 0 deadlocks, 1 other hang in ' events || fail "$(cat events)"
}
