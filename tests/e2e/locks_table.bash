#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# For files that start all of their targets first and then look at them: the set-up that they share,
# and one look at many targets, each of which is compared with what it says of itself.
load locks_helpers

teardown_file()
{
	end_hung
}

setup()
{
	begin_test
	require_tracing
}

teardown()
{
	end_test
}

# hang_all TARGET NAME...: each scenario NAME of it.
hang_all()
{
	local target=$1 name
	shift
	export HUNG=$BATS_FILE_TMPDIR
	for name; do
		hang "$name" "$LOCK_TARGETS/$target" "$name" "$HUNG/$name"
	done
}

# hang_all_idle TARGET NAME...: the same as NAME-idle, with 50 threads that sleep beside.
hang_all_idle()
{
	local target=$1 name
	shift
	export HUNG=$BATS_FILE_TMPDIR
	for name; do
		hang "$name-idle" env IDLE_THREADS=50 "$LOCK_TARGETS/$target" "$name" "$HUNG/$name-idle"
	done
}

wait_all_hung()
{
	local name
	for name; do
		wait_hung "$name"
	done
}

# look_at_all NAME...: into all.json.
look_at_all()
{
	local name options=()
	for name; do
		options+=(-p "$(hung_pid "$name")")
	done
	LOOK_STATUS=0
	timeout 60 "$MEMTRACE" locks "${options[@]}" --json=all.json >out 2>err || LOOK_STATUS=$?
}

# differences_of NAME: between its truth and its part of all.json.
differences_of()
{
	jq --argjson pid "$(hung_pid "$1")" '
		(.deadlocks, .warnings) |= map(select(.cycle[0].pid == $pid))
		| (.waits, .hung) |= map(select(.pid == $pid))' all.json >report.json &&
		jq -r --slurpfile truth "$HUNG/$1" "$DIFFERENCES" report.json
}

# say_the_truth NAME...: of all of them; a suspicion may have to grow a second old.
say_the_truth()
{
	local name
	look_at_all "$@"
	for name; do
		[ -z "$(differences_of "$name")" ] || return 1
	done
}

# expect_all NAME...: a look at all of them says the truth of each.
expect_all()
{
	local name
	wait_until $WAIT_SECONDS say_the_truth "$@" || for name; do
		[ -z "$(differences_of "$name")" ] || fail "$name: $(differences_of "$name")"
	done
	[ "$LOOK_STATUS" = 3 ] || fail "status $LOOK_STATUS"
}
