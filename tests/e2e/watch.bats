#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Runs alone: it measures how soon deadlocks are found beside a load of its own.
# memtrace watch: deadlocks found when they form, and none where there is none.
bats_require_minimum_version 1.5.0
load helpers
load locks_helpers

# Deadlocks that have to be found, and the time within which each must be.
ROUNDS=${WATCH_ROUNDS:-100}
FOUND_WITHIN_NS=2000000000
# How long the machine is watched under load without a false alarm.
QUIET_SECONDS=${WATCH_QUIET_SECONDS:-60}

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

# start_watch [OPTION]...: in the background, its JSON lines in `events`. Sets WATCH.
start_watch()
{
	"$MEMTRACE" watch --json "$@" >events 2>err 3>&- &
	WATCH=$!
	STARTED+=("$WATCH")
	wait_until $WAIT_SECONDS grep -q '^watching' err || fail "the watch does not start"
}

# stop_watch STATUS
stop_watch()
{
	local status=0
	kill -INT "$WATCH"
	finish "$WATCH" || status=$?
	[ "$status" = "$1" ] || fail "the watch ended with status $status, not $1"
}

event_seen()
{
	jq -se "any($1)" events >/dev/null
}

# of_pid PID: jq's condition for the deadlock of that process.
of_pid()
{
	echo ".event == \"deadlock\" and (.deadlocks[0].cycle | any(.pid == $1))"
}

@test "a deadlock is said once when it forms, with its graph, and once when it dissolves" {
	start_watch
	hang three "$LOCK_TARGETS/knots" three "$HUNG/three"
	wait_hung three
	local pid
	pid=$(hung_pid three)
	wait_until 5 event_seen "$(of_pid "$pid")" || fail "not found"
	jq -c "select($(of_pid "$pid"))" events >report.json
	expect '.deadlocks[0].verdict' DEADLOCK
	expect '[.deadlocks[0].cycle[].waits_for] | sort | join(" ")' "lock_a lock_b lock_c"
	expect '.waits | length' 4
	expect '.time_unix_ns / 1000000000 | . > now - 60 and . <= now' true
	expect '[.waits[].stack[] | select(.module == "knots") | .build_id] | unique | join(" ")' \
		"$(readelf -n "$LOCK_TARGETS/knots" | sed -n 's/.*Build ID: //p')"
	sleep 3
	[ "$(jq -s "map(select($(of_pid "$pid"))) | length" events)" = 1 ] || fail "said again"
	kill -KILL "$pid"
	wait_until 5 event_seen '.event == "dissolved"' || fail "its end was not seen"
	stop_watch 3
}

@test "the text has the time of day, source lines and the build IDs, and advises no option of others" {
	hang three "$LOCK_TARGETS/knots" three "$HUNG/three"
	wait_hung three
	local pid status=0
	pid=$(hung_pid three)
	start_memtrace watch -p "$pid"
	wait_until $WAIT_SECONDS grep -q '^watching' err || fail "the watch does not start"
	wait_until 10 grep -q '^  build ID' out || fail "$(cat out)"
	kill -INT "$TRACER"
	finish "$TRACER" || status=$?
	[ "$status" = 3 ] || fail "status $status: $(cat err)"
	grep -qE '^[0-9-]{10}T[0-9:]{8}[+-][0-9]{4} DEADLOCK: ' out || fail "$(cat out)"
	grep -qE 'take_both  knots.c:[0-9]+$' out || fail "$(cat out)"
	! grep -q 'full-stacks' out || fail "$(cat out)"
	grep -q "^  build ID of knots: $(readelf -n "$LOCK_TARGETS/knots" | sed -n 's/.*Build ID: //p')$" \
		out || fail "$(cat out)"
}

@test "what hung before the watch came is found as well" {
	hang self "$LOCK_TARGETS/knots" self "$HUNG/self"
	wait_hung self
	sleep 1
	start_watch -d 3s
	finish "$WATCH" || true
	event_seen "$(of_pid "$(hung_pid self)")" || fail "not found"
}

@test "filters: only what was asked for is reported" {
	local a b
	hang abba "$LOCK_TARGETS/knots" abba "$HUNG/abba"
	hang self "$LOCK_TARGETS/guard" guard "$HUNG/guard"
	wait_hung abba
	wait_hung guard
	a=$(hung_pid abba)
	b=$(hung_pid guard)
	for options in "-p $a" "--comm knots" "--exclude guard"; do
		# shellcheck disable=SC2086 # an option and its argument
		start_watch -d 2s $options
		finish "$WATCH" || true
		event_seen "$(of_pid "$a")" || fail "$options: $a was not found"
		! event_seen "$(of_pid "$b")" || fail "$options: $b was reported"
	done
}

@test "--cgroup: only processes in it or below" {
	local root=/sys/fs/cgroup/unified group a b
	[ -e $root/cgroup.procs ] || root=/sys/fs/cgroup
	group=$root/memtrace-test-$$
	mkdir -p "$group/inner" 2>/dev/null || skip "no cgroup can be made"
	hang abba "$LOCK_TARGETS/knots" abba "$HUNG/abba"
	hang three "$LOCK_TARGETS/knots" three "$HUNG/three"
	wait_hung abba
	wait_hung three
	a=$(hung_pid abba)
	b=$(hung_pid three)
	if ! echo "$a" >"$group/inner/cgroup.procs"; then
		rmdir "$group/inner" "$group"
		skip "no process can be moved into a cgroup"
	fi
	start_watch -d 2s --cgroup "$group"
	finish "$WATCH" || true
	kill -KILL "$a"
	sleep 0.3
	rmdir "$group/inner" "$group" || true
	event_seen "$(of_pid "$a")" || fail "not found"
	! event_seen "$(of_pid "$b")" || fail "one outside was reported"
}

@test "--on-deadlock runs a command with the object on its stdin, without a shell" {
	# shellcheck disable=SC2016 # a $ that no shell may expand
	start_watch --on-deadlock "tee $BATS_TEST_TMPDIR/hook.json $BATS_TEST_TMPDIR/\$HOME"
	hang self "$LOCK_TARGETS/knots" self "$HUNG/self"
	wait_until 10 test -s hook.json || fail "not run"
	wait_until 5 jq -e '.deadlocks[0].verdict == "SELF-DEADLOCK"' hook.json
	[ -e "$BATS_TEST_TMPDIR/\$HOME" ] || fail "a shell was there"
	stop_watch 3
}

# The load of the two tests below: locks taken hard, in a right order.
start_load()
{
	"$LOCK_TARGETS/storm" 4 300 >/dev/null 3>&- &
	STARTED+=($!)
}

@test "each of $ROUNDS deadlocks is found within 2 s, with other load on the machine" {
	local round late=0 missing=0 pid began found slowest=0
	start_load
	mkfifo pipe
	# Each event with the time at which it could be read, by one process: forks take long.
	jq --unbuffered -r '"\(now * 1e9 | floor) \(.deadlocks[0].cycle[0].pid // "")"' <pipe >stamps 3>&- &
	STARTED+=($!)
	"$MEMTRACE" watch --json --comm knots >pipe 2>err 3>&- &
	WATCH=$!
	STARTED+=("$WATCH")
	wait_until $WAIT_SECONDS grep -q '^watching' err || fail "the watch does not start"
	for round in $(seq "$ROUNDS"); do
		date +%s%N >"began$round"
		hang "round$round" "$LOCK_TARGETS/knots" abba "$HUNG/round$round"
		sleep 0.15
	done
	sleep 3
	for round in $(seq "$ROUNDS"); do
		pid=$(jq -sr '.[0].pid' "$HUNG/round$round")
		began=$(cat "began$round")
		found=$(awk -v pid="$pid" '$2 == pid {print $1; exit}' stamps)
		if [ -z "$found" ]; then
			missing=$((missing + 1))
			continue
		fi
		((found - began <= slowest)) || slowest=$((found - began))
		((found - began <= FOUND_WITHIN_NS)) || late=$((late + 1))
	done
	echo "# $((ROUNDS - missing)) of $ROUNDS found, slowest after $((slowest / 1000000)) ms" >&3
	[ $missing = 0 ] || fail "$missing of $ROUNDS were not found"
	[ $late = 0 ] || fail "$late of $ROUNDS were found late; slowest $((slowest / 1000000)) ms"
}

@test "no false alarm in $QUIET_SECONDS s of stress-ng, redis, threaded Python and make" {
	start_load
	if command -v stress-ng >/dev/null; then
		stress-ng --futex 1 --mutex 1 --sem 1 -t "$QUIET_SECONDS" >/dev/null 2>&1 3>&- &
		STARTED+=($!)
	fi
	if command -v redis-server >/dev/null; then
		redis-server --port 0 --unixsocket "$BATS_TEST_TMPDIR/redis" --save '' --io-threads 2 \
			>/dev/null 2>&1 3>&- &
		STARTED+=($!)
		wait_until $WAIT_SECONDS test -S redis
		timeout "$QUIET_SECONDS" redis-benchmark -s "$BATS_TEST_TMPDIR/redis" -l -q --threads 2 \
			>/dev/null 2>&1 3>&- &
		STARTED+=($!)
	fi
	timeout "$QUIET_SECONDS" python3 -c '
import queue, threading
q = queue.Queue(4)
lock = threading.Lock()
def work():
    while True:
        q.get()
        with lock:
            pass
        q.task_done()
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
while True:
    q.put(1)
' 3>&- &
	STARTED+=($!)
	timeout "$QUIET_SECONDS" make -C "$ROOT" -j2 BUILD="$BATS_TEST_TMPDIR/build" unit >/dev/null 2>&1 3>&- &
	STARTED+=($!)
	# Not what other tests let hang meanwhile.
	start_watch -d "$QUIET_SECONDS" --exclude knots --exclude knots-musl --exclude guard \
		--exclude loader --exclude incident_a --exclude incident_b
	finish "$WATCH" $((QUIET_SECONDS + 30)) ||
		fail "status $?: $(jq -c '.deadlocks[0].cycle' events | head -3)"
	tail -n 1 events >report.json
	echo "# $(report .waits_seen) waits seen, $(report .passes) looks" >&3
	expect .event end
	expect .deadlocks 0
	expect '.waits_seen > 1000' true
	expect .waits_lost 0
}
