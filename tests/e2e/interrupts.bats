#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Ctrl-C, SIGTERM and SIGHUP: the first ends the run with a report, or at once where there is none
# yet; the second always ends memtrace, wherever it waits. What it launched is not affected.
bats_require_minimum_version 1.5.0
load helpers

setup()
{
	begin_test
}

teardown()
{
	end_test
}

# ends_within SECONDS: the tracer ends so soon; its status is in STATUS.
ends_within()
{
	wait_until "$1" process_ended "$TRACER" || fail "memtrace goes on"
	STATUS=0
	finish "$TRACER" || STATUS=$?
}

# is_blocked PID: it sleeps and uses no time between two looks.
is_blocked()
{
	local before
	before=$(cut -d' ' -f14,15 "/proc/$1/stat")
	sleep 0.1
	[ "$before" = "$(cut -d' ' -f14,15 "/proc/$1/stat")" ] && grep -q '^State:.S' "/proc/$1/status"
}

@test "the first signal ends memtrace while it waits for a file" {
	local signal
	mkfifo pipe
	for signal in INT TERM HUP; do
		start_memtrace report pipe
		wait_until 5 is_blocked "$TRACER"
		kill -$signal "$TRACER"
		ends_within 5
		[ $STATUS = $((128 + $(kill -l $signal))) ] || fail "status $STATUS"
	done
	start_memtrace diff pipe pipe
	wait_until 5 is_blocked "$TRACER"
	kill -INT "$TRACER"
	ends_within 5
}

@test "the first signal ends memtrace before it has attached, and the command never runs" {
	require_tracing
	mkfifo pipe
	start_memtrace record -o pipe -- touch ran
	wait_until 5 is_blocked "$TRACER"
	kill -INT "$TRACER"
	ends_within 5
	[ $STATUS = 130 ] || fail "status $STATUS"
	sleep 0.1
	[ ! -e ran ] || fail "the command ran"
}

@test "a signal at any time of the start ends memtrace and leaves nothing behind" {
	require_tracing
	local delay
	mkdir own
	for delay in 0.01 0.05 0.12; do
		start_memtrace record -o own/run.rec --json=own/run.json -- sleep 20
		sleep $delay
		kill -INT "$TRACER"
		ends_within 10
		[ $STATUS = 130 ] || [ $STATUS = 0 ] || fail "status $STATUS"
		[ -z "$(find own -type f ! -name run.rec ! -name run.json)" ] || fail "$(ls own)"
		[ $STATUS = 0 ] || [ -z "$(ls own)" ] || fail "$(ls own)"
		rm -f own/*
	done
}

@test "the second signal ends memtrace where it waits for the reader of its report" {
	require_tracing
	mkfifo pipe
	start_memtrace -F folded -o pipe -- true
	wait_attached
	wait_until 5 is_blocked "$TRACER"
	kill -INT "$TRACER"
	sleep 0.4
	process_ended "$TRACER" && fail "the first signal ended it"
	kill -INT "$TRACER"
	ends_within 5
	[ $STATUS = 130 ] || fail "status $STATUS"
}

@test "the second signal ends memtrace where its pipe is full" {
	require_tracing
	local first second
	for first in INT HUP; do
		second=${first/HUP/TERM}
		mkfifo pipe
		sleep 60 <>pipe 3>&- &
		STARTED+=($!)
		"$MEMTRACE" -F ndjson -- "$TARGETS/storm" 1 5000 1 >pipe 2>err 3>&- &
		TRACER=$!
		STARTED+=("$TRACER")
		wait_attached
		wait_until 10 is_blocked "$TRACER"
		kill -$first "$TRACER"
		sleep 0.4
		process_ended "$TRACER" && fail "the first signal ended it"
		kill -"$second" "$TRACER"
		ends_within 5
		[ $STATUS -gt 128 ] || fail "status $STATUS"
		rm pipe
	done
}

@test "one signal that arrives twice is one" {
	require_tracing
	start_memtrace --json=report.json -- sleep 20
	wait_attached
	kill -INT "$TRACER"
	kill -HUP "$TRACER"
	ends_within 10
	[ $STATUS = 0 ] || fail "status $STATUS"
	[ -s report.json ]
}

@test "the launched command outlives memtrace's end by two signals" {
	require_tracing
	mkfifo pipe
	# shellcheck disable=SC2016 # the command's own
	start_memtrace --json=pipe -d 0.2 -- sh -c 'sleep 2; echo whole >outlived'
	wait_attached
	wait_until 5 is_blocked "$TRACER"
	kill -INT "$TRACER"
	sleep 0.4
	kill -INT "$TRACER"
	ends_within 5
	wait_until 10 test -e outlived || fail "the command was ended"
}

# The C library's own 32 and 33 as well, as a program has them that posix_spawn(3) started.
with_every_signal_ignored() {
	python3 - "$@" <<-'PROGRAM'
		import ctypes, os, sys
		libc = ctypes.CDLL(None)
		ignore = (ctypes.c_ulong * 8)(1)
		for signal in (2, 13, 15, 25, 32, 33, 40):
		    libc.syscall({"x86_64": 13, "aarch64": 134}[os.uname().machine], signal, ignore, None, 8)
		os.execvp(sys.argv[1], sys.argv[1:])
	PROGRAM
}

@test "the launched command has the signals that memtrace was started with" {
	require_tracing
	local prefix
	for prefix in "" "nohup" "with_every_signal_ignored"; do
		# shellcheck disable=SC2086 # nothing, or a word
		$prefix grep '^Sig[BI]' /proc/self/status >want 2>/dev/null </dev/null
		# shellcheck disable=SC2086
		$prefix "$MEMTRACE" record -o run.rec -- grep '^Sig[BI]' /proc/self/status >got \
			2>err </dev/null 3>&-
		diff want got || fail "other signals"
	done
}

@test "nohup keeps a hang-up off" {
	require_tracing
	nohup "$MEMTRACE" -d 1 --json=report.json -- sleep 20 >out 2>err </dev/null 3>&- &
	TRACER=$!
	STARTED+=("$TRACER")
	wait_attached
	kill -HUP "$TRACER"
	sleep 0.3
	process_ended "$TRACER" && fail "it ended"
	ends_within 10
	[ $STATUS = 0 ] || fail "status $STATUS"
	[ "$(report '.duration_ns >= 900000000')" = true ] || fail "$(report .duration_ns)"
}

@test "watch ends on the first signal, and locks on the first while it waits" {
	require_tracing
	start_memtrace watch --json
	wait_until 10 grep -q '^watching' err
	kill -TERM "$TRACER"
	ends_within 5
	[ $STATUS = 0 ] || [ $STATUS = 3 ] || fail "status $STATUS"
	grep -q '"event":"end"' out
	mkfifo pipe
	start_target "$TARGETS/storm" 1 100 1
	start_memtrace locks -p "$TARGET" --json=pipe
	wait_until 10 is_blocked "$TRACER"
	kill -TERM "$TRACER"
	ends_within 5
	[ $STATUS = 143 ] || fail "status $STATUS"
}
