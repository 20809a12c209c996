#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Processes that are not traced are not touched: no probe is in their memory, and what cannot run
# with one (valgrind translates it into a program's own breakpoint, which ends it) runs beside a trace.
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

# probed_bytes PID: how many bytes of the C library's code in its memory are not those of the file.
probed_bytes()
{
	local range permissions offset start pages file
	read -r range permissions offset _ _ file < <(grep -m 1 'r-xp.*/libc\.so\.6$' "/proc/$1/maps")
	[ "$permissions" = r-xp ] || return 1
	start=$((0x${range%-*} / 4096))
	pages=$((0x${range#*-} / 4096 - start))
	cmp -l <(dd if="/proc/$1/mem" bs=4096 skip=$start count=$pages 2>/dev/null) \
		<(dd if="$file" bs=4096 skip=$((0x$offset / 4096)) count=$pages 2>/dev/null) | wc -l
}

# start_bystander: a process that allocates at full speed; sets BYSTANDER.
start_bystander()
{
	"$TARGETS/spin" 60 "$PWD/pairs" 3>&- &
	BYSTANDER=$!
	STARTED+=("$BYSTANDER")
	wait_until $WAIT_SECONDS test -s pairs
}

# A trace of a process that forks and execs all the time, so that probes come and go.
# shellcheck disable=SC2016 # the inner shell's words
FORKING='while [ ! -e enough ]; do sleep 0.05; done'

@test "no probe is in a process that is not traced, while -f follows forks and execs" {
	local i
	start_bystander
	start_memtrace -f -- bash -c "$FORKING"
	wait_attached
	wait_until $WAIT_SECONDS pgrep -P "$TRACER" bash >/dev/null
	TARGET=$(pgrep -P "$TRACER" bash)
	[ "$(probed_bytes "$TARGET")" -gt 4 ] || fail "no probes in the target: the test proves nothing"
	for ((i = 0; i < 5; i++)); do
		[ "$(probed_bytes "$BYSTANDER")" = 0 ] || fail "probes in a process that is not traced"
		# One that starts now.
		[ "$("$TARGETS/workers" 1 10)" = 10 ] || fail "a bystander's output is another"
	done
	touch enough
	finish "$TRACER" || fail "memtrace ended with status $?"
}

@test "valgrind runs beside -f, and beside record -f" {
	require_command valgrind
	local command
	for command in "" record; do
		rm -f enough
		# shellcheck disable=SC2086 # no word, or one
		start_memtrace $command -f ${command:+-o run.rec} -- bash -c "$FORKING"
		wait_attached
		run -0 timeout 60 valgrind -q --error-exitcode=9 "$TARGETS/workers" 2 20
		[ "$output" = 40 ] || fail "under valgrind it says: $output"
		touch enough
		finish "$TRACER" || fail "memtrace ended with status $?"
	done
}

@test "valgrind that a traced process starts runs, and is said to be invisible" {
	require_command valgrind
	trace_launched -f --exit-status -- \
		sh -c "valgrind -q --error-exitcode=9 '$TARGETS/workers' 2 20 >got; exit \$?"
	[ "$(cat got)" = 40 ] || fail "under valgrind it says: $(cat got)"
	grep -q 'it runs under valgrind, so its heap cannot be seen from outside' err
}

@test "a process that valgrind runs is refused as a target in one line" {
	require_command valgrind
	valgrind -q "$TARGETS/spin" 60 "$PWD/pairs" 3>&- &
	STARTED+=($!)
	wait_until $WAIT_SECONDS test -s pairs
	run timeout 30 "$MEMTRACE" -p "${STARTED[0]}" -d 1
	expect_error 1 "valgrind"
	kill -0 "${STARTED[0]}"
}

@test "a program that copies its own code dies of the probes, is explained, and lives without" {
	run -133 timeout 60 "$MEMTRACE" --exit-status --hold=20s -- "$TARGETS/moves_itself-static"
	[[ $(tr -s '\n ' ' ' <<<"$output") == *"SIGTRAP ended it: a program that copies its own code"* ]] || fail "$output"
	run -0 timeout 60 "$MEMTRACE" --exit-status --mode growth -- "$TARGETS/moves_itself-static"
	[[ $output == *moved* ]] || fail "$output"
}
