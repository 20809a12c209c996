#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Python seen from outside: locks and stacks of programs that know their own.
bats_require_minimum_version 1.5.0
load helpers
load python_helpers

PYTHON=/usr/bin/python3

setup()
{
	begin_test
	require_tracing
	PROGRAMS=${TARGETS%/*}/python
	require_file "$PROGRAMS/engine.so" # for want of Python's headers
}

teardown()
{
	end_test
}

# hang HOW...: starts hangs.py and waits until nothing more will happen in it. Sets PID.
hang()
{
	"$PYTHON" "$PROGRAMS/hangs.py" "$@" >ready 3>&- &
	PID=$!
	STARTED+=("$PID")
	wait_until $WAIT_SECONDS grep -q ready ready || fail "hangs.py $1 does not hang"
	# The last steps after the word.
	sleep 0.3
}

# look: memtrace locks into report.json and out; sets LOOK_STATUS.
look()
{
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" locks -p "$PID" --json=report.json >out 2>err || LOOK_STATUS=$?
}

# python_frames JQ-STACK: its Python frames as "function file:line", innermost first
python_frames()
{
	jq -r "$1 | .[] | select(.language == \"python\")
		| \"\(.function) \(.file | split(\"/\") | last):\(.line)\"" report.json
}

# line_of FILE TEXT: the line of hangs.py that has it
line_of()
{
	grep -nF -- "$2" "$PROGRAMS/$1" | head -n 1 | cut -d : -f 1
}

@test "the GIL against a C mutex is a deadlock: exact owners, the Python line and the C line" {
	hang gil
	for _ in 1 2 3; do
		look
		[ "$LOOK_STATUS" -eq 3 ] || fail "status $LOOK_STATUS: $(cat out)"
		[ "$(jq -r '.deadlocks[0].cycle | map("\(.kind) \(.certainty)") | sort | join(", ")' \
			report.json)" = "gil exact, mutex exact" ] || fail "$(cat report.json)"
	done
	python_frames '.waits[] | select(.kind == "mutex") | .stack' >frames
	[ "$(head -n 1 frames)" = "poll_status hangs.py:$(line_of hangs.py engine.status)" ] ||
		fail "$(cat frames)"
	grep -q 'status  *engine.c:' out
	grep -q 'work  *engine.c:' out
}

@test "a thread that wants the GIL back with a C mutex in its hands is in that deadlock, too" {
	hang back
	for _ in 1 2 3; do
		look
		[ "$LOOK_STATUS" -ne 3 ] || break
	done
	[ "$LOOK_STATUS" -eq 3 ] || fail "status $LOOK_STATUS: $(cat out)"
	[ "$(jq -r '.deadlocks[0].cycle | map("\(.kind) \(.certainty)") | sort | join(", ")' \
		report.json)" = "gil exact, mutex exact" ]
}

@test "three parties: the GIL, and two C mutexes" {
	hang three
	look
	[ "$LOOK_STATUS" -eq 3 ] || fail "status $LOOK_STATUS: $(cat out)"
	[ "$(jq -r '.deadlocks[0].cycle | map("\(.kind) \(.certainty)") | sort | join(", ")' report.json)" = \
		"gil exact, mutex exact, mutex exact" ] || fail "$(cat report.json)"
	grep -q 'flush_log  *hangs.py:' out
}

@test "who else wants the GIL is a victim of that deadlock, not part of it" {
	hang victims
	look
	[ "$LOOK_STATUS" -eq 3 ]
	[ "$(jq '.deadlocks[0].cycle | length' report.json)" -eq 2 ]
	[ "$(jq '.deadlocks | length' report.json)" -eq 1 ]
}

@test "two RLocks in opposite order are a deadlock: the objects say who has them" {
	hang rlocks
	look
	[ "$LOOK_STATUS" -eq 3 ] || fail "$(cat out)"
	[ "$(jq -r '.deadlocks[0].cycle | map("\(.kind) \(.certainty)") | join(", ")' report.json)" = \
		"python-rlock exact, python-rlock exact" ]
	grep -q 'audit  *hangs.py:' out
	grep -q 'deposit  *hangs.py:' out
}

@test "a threading.Lock is named, with the Python stack of its waiter" {
	hang lock
	look
	[ "$LOOK_STATUS" -eq 0 ]
	python_frames '.waits[] | select(.kind == "python-lock") | .stack' >frames
	[ "$(head -n 1 frames)" = "hang_on_lock.<locals>.take_again hangs.py:$(($(
		line_of hangs.py "def take_again") + 1))" ] || fail "$(cat frames)"
}

@test "a busy threaded program has no deadlock" {
	hang busy
	for _ in 1 2 3 4 5; do
		look
		[ "$LOOK_STATUS" -eq 0 ] || fail "$(cat out)"
	done
}

@test "every kind of Python frame is in the stacks of allocations as Python has it itself" {
	timeout $RUN_SECONDS "$MEMTRACE" --json=report.json --full-stacks -- \
		"$PYTHON" "$PROGRAMS/stacks.py" truth >out 2>err || fail "$(cat err)"
	[ "$(wc -l <truth)" -ge 50 ]
	compare_stacks truth report.json >differences || fail "<: truth, >: report: $(cat differences)"
	# Wherever Python code ran, its frames are there, to the outermost, with names.
	jq -e '.python | .stacks > 500 and .complete == .stacks and .unnamed == 0' report.json ||
		fail "$(jq .python report.json)"
}
