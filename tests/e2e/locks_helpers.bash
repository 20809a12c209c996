#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Helpers of the tests of deadlocks: targets that hang, and the comparison of what memtrace says of
# them with what they say of themselves (tests/targets/locks/truth.h).

export LOCK_TARGETS=${TARGETS%/*}/locks

# Seconds that a target has hung before memtrace starts to look.
export HANG_SECONDS=10

# hang NAME COMMAND...: starts a target that writes $HUNG/NAME and hangs; notes its PID for end_hung.
hang()
{
	local name=$1
	shift
	"$@" >"$HUNG/$name.out" 2>&1 3>&- &
	echo $! >>"$HUNG/pids"
	disown || true # its end is not worth a line
}

has_verdict()
{
	grep -q '"verdict"' "$HUNG/$1"
}

# wait_hung NAME: until the knot is tied.
wait_hung()
{
	wait_until $WAIT_SECONDS has_verdict "$1" || fail "$1 does not hang"
}

# Ends the targets by their PIDs, and what they started (the target in a namespace, fork's child).
end_hung()
{
	local pid
	while read -r pid; do
		pkill -KILL -P "$pid" || true
		kill -KILL "$pid" 2>/dev/null || true
	done <"$HUNG/pids"
}

# hung_pid NAME: the PID, as we see it, of the process that the truth is about.
hung_pid()
{
	local first
	first=$(jq -sr '.[0].pid' "$HUNG/$1")
	case $1 in
	pidns | inherited | *forked-*) pgrep -P "$first" ;;
	*) echo "$first" ;;
	esac
}

# look_at NAME [OPTION]...: memtrace locks into report.json; sets LOOK_STATUS.
look_at()
{
	local name=$1
	shift
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" locks -p "$(hung_pid "$name")" --json=report.json "$@" >out 2>err ||
		LOOK_STATUS=$?
}

# One line for each thing that the report has otherwise than the truth.
# shellcheck disable=SC2016 # jq's variables
DIFFERENCES='
	($truth | map(select(.verdict))[0].verdict) as $verdict
	| . as $report
	| (.deadlocks + .warnings) as $cycles
	| ($truth | map(select(.tid))) as $waits
	| ([$cycles[].cycle[].ns_tid] | sort) as $in
	| ([$waits[] | select(.in_cycle) | .tid] | sort) as $expected_in
	| (if ($verdict | test("^(SELF-)?DEADLOCK$")) then $report.deadlocks
		elif $verdict == "TIMED CYCLE" then $report.warnings else [] end) as $of
	| (if ($of | length) != ($cycles | length) or ($of | all(.verdict == $verdict) | not)
		then "cycles: \($cycles | map(.verdict))" else empty end),
	(if $in != $expected_in then "in cycle: \($in), not \($expected_in)" else empty end),
	($waits[] as $want
		| [$report.waits[] | select(.ns_tid == $want.tid)] as $got
		| if ($got | length) != 1 then "TID \($want.tid) has \($got | length) waits"
		else $got[0] as $wait
		| (if $wait.lock.name != $want.lock
			then "TID \($want.tid) waits for \($wait.lock.name), not \($want.lock)" else empty end),
		(if $want.address != 0 and $wait.lock.address != $want.address
			then "\($want.lock) at \($wait.lock.address), not \($want.address)" else empty end),
		(if $want.held_by != 0 and $wait.owner.ns_tid != $want.held_by
			then "\($want.lock) held by \($wait.owner.ns_tid), not \($want.held_by)" else empty end),
		(if $want.held_by == 0 and $want.in_cycle == false and $wait.owner.tid != null
			then "\($want.lock) held by \($wait.owner.tid), not by nobody" else empty end),
		(if $wait.comm != $want.comm then "comm \($wait.comm), not \($want.comm)" else empty end),
		(if $wait.verdict != $verdict then "verdict \($wait.verdict), not \($verdict)" else empty end),
		(if ($of | length) > 0 and $want.in_cycle == false
			and ($of | any(.victims | index($wait.tid)) | not)
			then "TID \($want.tid) is no victim" else empty end)
		end)'

# expect_truth NAME: the report of look_at says the same as the target, and so does the exit status.
expect_truth()
{
	local differences want=0
	differences=$(jq -r --slurpfile truth "$HUNG/$1" "$DIFFERENCES" report.json) ||
		fail "no readable report (status $LOOK_STATUS)"
	[ -z "$differences" ] || fail "$1: $differences"
	# Whoever waits for the dead here is the only thread that there is.
	if grep -qE '"verdict":"((SELF-)?DEADLOCK|HUNG|FORKED|LOST WAKE-UP|OWNER DEAD)"' "$HUNG/$1"; then
		want=3
	fi
	[ "$LOOK_STATUS" = $want ] || fail "status $LOOK_STATUS, not $want"
}

# expect_certainty NAME CERTAINTY: of every owner in the cycle.
expect_certainty()
{
	expect '[.deadlocks[].cycle[].certainty] | unique | join(" ")' "$1"
}

# A count of functions with that name on the stacks of the waits.
frames_named()
{
	jq "[.waits[].stack[].function | select(. == \"$1\")] | length" report.json
}

# check NAME [CERTAINTY]: a look at NAME says the truth, and every owner in its cycle has that certainty.
check()
{
	look_at "$1"
	expect_truth "$1"
	[ $# -eq 1 ] || expect_certainty "$2"
}
