#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Helpers of the end-to-end tests. Every wait is bounded, and whatever a test starts is ended by its
# PID in teardown. A test's files are in $BATS_TEST_TMPDIR:
#   truth        what the target says it did, a line of JSON per process
#   report.json  what memtrace says
#   out, err     memtrace's standard output and error
# Background processes close descriptor 3, which bats waits for.

# Longest wait for anything that is to happen, and longest run of one memtrace.
WAIT_SECONDS=30
RUN_SECONDS=120

STARTED=()

# Sets up one test: call it from setup().
begin_test()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	export TRUTH=$BATS_TEST_TMPDIR/truth
	unset GATE
	STARTED=()
}

# Ends whatever the test left running: call it from teardown().
end_test()
{
	local pid
	for pid in "${STARTED[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		# So that the shell has no word to say about it.
		wait "$pid" 2>/dev/null || true
	done
	cd "$ROOT" || return 1
}

# Skips a test that needs BPF where there is none. In continuous integration it must not be missing.
require_tracing()
{
	if [ "$CAN_TRACE" != yes ] && [ "${CI:-}" != true ]; then
		skip "this machine does not allow tracing (memtrace doctor says why)"
	fi
}

# Skips a test whose program or library this machine does not have.
require_file()
{
	[ -e "$1" ] || skip "no $1"
}

require_command()
{
	command -v "$1" >/dev/null || skip "no $1"
}

# Prints what is known when an expectation fails, and fails.
fail()
{
	printf '%s\n' "$*" >&2
	if [ -s err ]; then
		printf -- '--- memtrace said:\n' >&2
		tail -n 20 err >&2
	fi
	return 1
}

# wait_until SECONDS COMMAND...: polls until the command succeeds.
wait_until()
{
	local tries=$(($1 * 50))
	shift
	while ! "$@" 2>/dev/null; do
		((tries-- > 0)) || return 1
		sleep 0.02
	done
}

process_ended()
{
	local state
	state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || true
	[ -z "$state" ] || [ "$state" = Z ]
}

# finish PID [SECONDS]: waits for a process that this test started; its exit status is the result.
# One that does not end is killed, and 124 returned.
finish()
{
	if ! wait_until "${2:-$RUN_SECONDS}" process_ended "$1"; then
		kill -KILL "$1"
		wait "$1" 2>/dev/null || true
		return 124
	fi
	wait "$1"
}

# start_target PROGRAM [ARG]...: starts a target with a gate; returns when it stands before it.
# Sets TARGET.
start_target()
{
	GATE=$(mktemp -d "$BATS_TEST_TMPDIR/gate.XXXXXX")
	GATE=$GATE "$@" >target.out 2>target.err 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until $WAIT_SECONDS test -e "$GATE/ready" || fail "$1 does not reach its gate"
}

# open_gate: lets the target work, and waits until it has written its truth.
open_gate()
{
	touch "$GATE/go"
	wait_until $WAIT_SECONDS test -e "$GATE/done" || fail "the target does not finish its work"
}

close_gate()
{
	touch "$GATE/finish"
}

# start_memtrace ARG...: starts memtrace in the background. Sets TRACER.
start_memtrace()
{
	: >err # an earlier one's "attached" is not this one's
	"$MEMTRACE" "$@" >out 2>err 3>&- &
	TRACER=$!
	STARTED+=("$TRACER")
}

has_attached()
{
	grep -q '^attached to ' err || process_ended "$TRACER"
}

wait_attached()
{
	wait_until $WAIT_SECONDS has_attached || fail "memtrace does not attach"
	grep -q '^attached to ' err || fail "memtrace ended without attaching"
}

# stop_memtrace [SIGNAL]: ends it as a person does, and wants exit status 0.
# shellcheck disable=SC2120 # the tests pass one
stop_memtrace()
{
	kill -"${1:-INT}" "$TRACER"
	finish "$TRACER" || fail "memtrace ended with status $?"
}

# trace_attached [OPTION]... -- PROGRAM [ARG]...: traces what lies between the program's gates.
trace_attached()
{
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	start_target "$@" || return 1
	start_memtrace -p "$TARGET" --json=report.json "${options[@]}"
	wait_attached || return 1
	open_gate || return 1
	stop_memtrace || return 1
	close_gate
	finish "$TARGET" || fail "the target ended with status $?"
}

# trace_launched [OPTION]... -- COMMAND...: traces a command from its first instruction to its end.
trace_launched()
{
	start_memtrace --json=report.json "$@"
	finish "$TRACER" || fail "memtrace ended with status $?"
}

# report FILTER: asks the report.
report()
{
	jq -r "$1" report.json
}

# truth KEY: the sum over all processes.
truth()
{
	jq -s "map(.$1) | add" truth
}

# expect FILTER VALUE: the report says so.
expect()
{
	local got
	got=$(report "$1") || fail "no readable report"
	[ "$got" = "$2" ] || fail "$1 is $got, not $2"
}

TOTALS=(alloc_count alloc_bytes free_count freed_bytes live_count live_bytes failed_count
	temporary_count untracked_free_count)
OWN_TOTALS=(alloc_count alloc_bytes free_count live_count live_bytes)

# total KEY: a total of the heap. A program's own count of what is live does not end with it, and
# has its copies by fork in it, which the report counts apart.
total()
{
	case $1 in
	live_*)
		report ".heap | if .live_at_exit then .$1 else .$1 + .at_exit_${1#live_} +
			.inherited_$1 + .at_exit_inherited_${1#live_} end"
		;;
	*)
		report ".heap.$1"
		;;
	esac
}

# expect_totals [KEY]...: heap totals equal the truth to the unit, and nothing was lost.
expect_totals()
{
	local key wrong=0 got want keys=("$@")
	[ $# -gt 0 ] || keys=("${TOTALS[@]}")
	for key in "${keys[@]}"; do
		got=$(total "$key")
		want=$(truth "$key")
		if [ "$got" != "$want" ]; then
			echo "heap.$key is $got, the truth is $want" >&2
			wrong=1
		fi
	done
	if jq -se 'length == 1 and (.[0] | has("peak_bytes"))' truth >/dev/null && [ $# -eq 0 ]; then
		expect .heap.peak_bytes "$(truth peak_bytes)" || wrong=1
	fi
	expect_nothing_lost || wrong=1
	[ $wrong = 0 ] || fail "report and truth differ"
}

expect_nothing_lost()
{
	expect .events.lost 0
	expect '[.events.lost_by_cause[]] | add // 0' 0
}

# Sites whose calls are in PROGRAM itself: the first frame that is not the allocator's is in it, and
# in a file of ours (a static program holds the C library, too, of which no line is known).
# shellcheck disable=SC2016 # $name is jq's
OWN_SITES='def own: [.stack[] | select((.function // "") |
		test("^(operator (new|delete)|malloc|calloc|_Zn)") | not)][0];
	[.sites[] | select((own.module // "") | endswith("/" + $name)) | select(own | has("file"))]'

# expect_own_calls PROGRAM [KEY]...: the sums over the sites of the program's own calls equal the
# truth, whatever the C library allocates beside (for threads, for the loader, for exceptions).
expect_own_calls()
{
	local name key got want wrong=0
	name=$(basename "$1")
	shift
	local keys=("$@")
	[ $# -gt 0 ] || keys=("${OWN_TOTALS[@]}")
	for key in "${keys[@]}"; do
		got=$(jq --arg name "$name" "$OWN_SITES | map(.$key) | add // 0" report.json)
		want=$(truth "$key")
		if [ "$got" != "$want" ]; then
			echo "$key of the sites in $name is $got, the truth is $want" >&2
			wrong=1
		fi
	done
	expect_nothing_lost || wrong=1
	[ $wrong = 0 ] || fail "report and truth differ"
}

# expect_error STATUS TEXT: memtrace, as last run by bats' run, ended so with one line that has TEXT.
# shellcheck disable=SC2154 # status, output and lines are bats'
expect_error()
{
	[ "$status" = "$1" ] || fail "status $status, not $1: $output"
	[[ $output == *"$2"* ]] || fail "no '$2' in: $output"
	[ "${#lines[@]}" -le 2 ] || fail "not one clear line: $output"
}

# Starts a 32-bit program; the test is skipped where the kernel runs none: confidential guests have
# the emulation built in and switched off.
start_32_bit()
{
	require_file "$TARGETS/idle32"
	"$TARGETS/idle32" 3>&- 2>/dev/null &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until 5 runs_or_ended "$TARGET" idle32 || fail "idle32 does not start"
	if process_ended "$TARGET"; then
		skip "this kernel runs no 32-bit programs"
	fi
}

# runs_or_ended PID NAME: it has become the program of that name, or failed to.
runs_or_ended()
{
	process_ended "$1" || grep -q "$2" "/proc/$1/maps" 2>/dev/null
}
