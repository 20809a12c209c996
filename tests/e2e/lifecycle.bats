#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# How runs begin and end: signals, durations, targets that go, and memtrace that goes.
bats_require_minimum_version 1.5.0
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

start_spin()
{
	"$TARGETS/spin" "${1:-30}" "$PWD/pairs" 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until $WAIT_SECONDS test -s pairs
}

# Nanoseconds of a pair of malloc and free, the least of the last N lines that spin wrote.
last_pair_ns()
{
	tail -n "$1" pairs | sort -n | head -1
}

@test "SIGINT ends a run with the report" {
	start_spin
	start_memtrace -p "$TARGET"
	wait_attached
	sleep 0.3
	stop_memtrace INT
	grep -q malloc out || grep -qi alloc out
	kill -0 "$TARGET"
}

@test "SIGTERM ends a run with the report" {
	start_spin
	start_memtrace -p "$TARGET" --json=report.json
	wait_attached
	sleep 0.3
	stop_memtrace TERM
	expect '.heap.alloc_count > 0' true
	kill -0 "$TARGET"
}

@test "-d ends a run by itself" {
	start_spin
	start_memtrace -p "$TARGET" -d 1 --json=report.json
	finish "$TRACER" 15
	expect '.duration_ns >= 1000000000 and .duration_ns < 5000000000' true
	kill -0 "$TARGET"
}

@test "-i prints reports while it runs" {
	start_spin
	start_memtrace -p "$TARGET" -i 1 -d 3.5
	finish "$TRACER" 20
	local reports
	reports=$(grep -c "$TARGET" out)
	[ "$reports" -ge 3 ] || fail "$reports reports in 3.5 s"
}

@test "two Ctrl-C end at once" {
	start_spin
	start_memtrace -p "$TARGET"
	wait_attached
	kill -INT "$TRACER"
	kill -INT "$TRACER"
	wait_until 5 process_ended "$TRACER"
	kill -0 "$TARGET"
}

@test "the target's end ends the run with a full report" {
	trace_launched -- "$TARGETS/storm" 1 2000 1
	expect '.heap.alloc_count > 0' true
}

@test "a target that is killed ends the run with a full report" {
	start_spin
	start_memtrace -p "$TARGET" --json=report.json
	wait_attached
	sleep 0.3
	kill -KILL "$TARGET"
	finish "$TRACER" 20
	expect '.heap.alloc_count > 0' true
	expect .events.lost 0
}

@test "kill -9 of memtrace leaves the target running at full speed" {
	start_spin 60
	sleep 1.2
	local before after
	before=$(last_pair_ns 8)
	start_memtrace -p "$TARGET"
	wait_attached
	sleep 1
	local traced
	traced=$(last_pair_ns 3)
	kill -KILL "$TRACER"
	finish "$TRACER" || true
	# The kernel takes probes out in the background.
	sleep 4
	after=$(last_pair_ns 5)
	echo "a pair: $before ns before, $traced ns traced, $after ns after"
	awk "BEGIN { exit !($traced > 2 * $before) }" || fail "the tracer was not there"
	awk "BEGIN { exit !($after < 2 * $before + 20) }" || fail "slow after the tracer's end"
	kill -0 "$TARGET"
}

@test "after a run the target is at full speed" {
	start_spin 60
	sleep 1.2
	local before after
	before=$(last_pair_ns 8)
	start_memtrace -p "$TARGET" -d 1
	finish "$TRACER"
	sleep 3
	after=$(last_pair_ns 5)
	awk "BEGIN { exit !($after < 2 * $before + 20) }" || fail "$before ns before, $after after"
}

@test "a launched command's failure is told, and is not memtrace's" {
	run -0 timeout 60 "$MEMTRACE" -- sh -c 'exit 7'
	[[ $output == *7* ]]
}

@test "--exit-status passes a command's status through" {
	run -7 timeout 60 "$MEMTRACE" --exit-status -- sh -c 'exit 7'
}

@test "--exit-status passes a command's death by signal through" {
	run -143 timeout 60 "$MEMTRACE" --exit-status -- sh -c 'kill -TERM $$'
}

@test "a process goes on without its first thread: libraries have names, but -p is refused" {
	trace_launched -- "$TARGETS/first_ends" "$TARGETS/plugin_a.so"
	expect '[.sites[] | select(.stack[0].function == "keep_of_a" and .stack_end == "complete") |
		.alloc_bytes] | add' 100000
	expect_nothing_lost
	STAY=1 "$TARGETS/first_ends" "$TARGETS/plugin_a.so" 3>&- &
	STARTED+=($!)
	wait_until 10 grep -q '^State:.Z' "/proc/$!/status"
	run -1 timeout 30 "$MEMTRACE" -d 1 -p $!
	[[ $output == *"its first thread has ended"* ]] || fail "$output"
	[ ${#lines[@]} = 1 ] || fail "$output"
}

@test "a process without its first thread keeps its probes when another tracer ends" {
	FOLDER=$PWD start_memtrace --hold=20s --json=report.json -- \
		"$TARGETS/first_ends" "$TARGETS/plugin_a.so"
	wait_until $WAIT_SECONDS test -e alone
	"$MEMTRACE" --hold=20s -- "$TARGETS/storm" 1 10 1 >/dev/null 2>&1
	touch go
	finish "$TRACER" || fail "memtrace ended with status $?"
	expect '[.sites[] | select(.stack[0].function == "keep_of_a") | .alloc_bytes] | add' 100000
	expect_nothing_lost
}

@test "a command that outlives -d runs on, and is named; --kill-on-exit ends it" {
	start_memtrace -d 0.2 -- "$TARGETS/spin" 20 "$PWD/pairs"
	wait_attached
	TARGET=$(sed -n 's/^attached to \([0-9]*\).*/\1/p' err)
	STARTED+=("$TARGET")
	finish "$TRACER" || fail "memtrace ended with status $?"
	kill -0 "$TARGET" || fail "the command was ended"
	[ "$(grep -c "still running, untraced, as process $TARGET " err)" = 1 ] || fail "nobody tells"
	start_memtrace --kill-on-exit -d 0.2 -- "$TARGETS/spin" 20 "$PWD/pairs"
	wait_attached
	TARGET=$(sed -n 's/^attached to \([0-9]*\).*/\1/p' err)
	STARTED+=("$TARGET")
	finish "$TRACER" || fail "memtrace ended with status $?"
	wait_until 10 process_ended "$TARGET" || fail "the command runs on"
	[ "$(grep -c 'still running' err)" = 0 ] || fail "it says that the command runs"
}

@test "a command's standard input and output are its own" {
	run bash -c 'echo hello | timeout 60 "$MEMTRACE" --json=report.json -- cat 2>err | head -1'
	[ "$output" = hello ]
}

@test "nothing before 'attached to' is traced" {
	start_spin
	start_memtrace -p "$TARGET"
	wait_attached
	[ "$(head -n 1 err | grep -c '^attached to ')" = 1 ] || fail "the first line is another"
	grep -q "^attached to $TARGET" err
	stop_memtrace
}

@test "several -p are traced together" {
	start_target "$TARGETS/storm" 1 3000 1
	local first=$TARGET first_gate=$GATE
	start_target "$TARGETS/storm" 4 3000 2
	start_memtrace -p "$first" -p "$TARGET" --json=report.json
	wait_until $WAIT_SECONDS has_attached
	wait_until $WAIT_SECONDS bash -c "[ \$(grep -c '^attached to' err) -ge 1 ]"
	sleep 0.5
	touch "$first_gate/go"
	wait_until $WAIT_SECONDS test -e "$first_gate/done"
	open_gate
	stop_memtrace
	touch "$first_gate/finish"
	close_gate
	expect_totals
}

@test "threads that start later are traced" {
	trace_attached -- "$TARGETS/shortlived" 100
	expect_own_calls shortlived
}

@test "a run on no terminal has no live line" {
	start_spin
	start_memtrace -p "$TARGET" -d 1
	finish "$TRACER"
	run ! grep -q $'\r' err
}

@test "on a terminal there is a live line, redrawn at most 4 times a second" {
	require_command script
	start_spin
	timeout 60 script -qec "$MEMTRACE -p $TARGET -d 2" screen </dev/null >/dev/null 3>&-
	local redraws
	redraws=$(tr -cd '\r' <screen | wc -c)
	# Lines on a terminal end in \r\n: only those within a line count.
	redraws=$((redraws - $(grep -c $'\r$' screen)))
	[ "$redraws" -ge 3 ] || fail "$redraws redraws in 2 s"
	[ "$redraws" -le 24 ] || fail "$redraws redraws in 2 s"
	grep -qi 'lost' screen
}

@test "-f -p: children that run already are traced, and theirs" {
	bash -c '"$0" 20 >one & bash -c "\"$0\" 20 >two & wait; true" "$0" & wait; true' \
		"$TARGETS/spin" 3>&- &
	STARTED+=($!)
	wait_until $WAIT_SECONDS test -s one && wait_until $WAIT_SECONDS test -s two
	mapfile -t spinning < <(pgrep -f "^$TARGETS/spin 20$")
	STARTED+=("${spinning[@]}")
	start_memtrace -f -p "${STARTED[0]}" -d 1 --json=report.json
	finish "$TRACER" || fail "memtrace ended with status $?"
	for pid in "${spinning[@]}"; do
		expect "[.processes[] | select(.pid == $pid and .heap.alloc_count > 100)] | length" 1
	done
	[ ${#spinning[@]} -eq 2 ] || fail "not two but ${#spinning[@]} children"
}
