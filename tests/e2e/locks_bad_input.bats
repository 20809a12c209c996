#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace locks on bad days: processes that are not there, go meanwhile, may not be read, are huge.
# shellcheck disable=SC2154 # stderr is bats'
bats_require_minimum_version 1.5.0
load helpers
load locks_helpers

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

@test "a PID that is not there" {
	run --separate-stderr "$MEMTRACE" locks -p 4194304
	[ "$status" = 1 ] || fail "status $status"
	# shellcheck disable=SC2154 # `run --separate-stderr` sets it
	[[ $stderr == *4194304* ]] || fail "$stderr"
}

@test "usage errors" {
	run "$MEMTRACE" locks
	[ "$status" = 2 ] || fail "status $status"
	run "$MEMTRACE" locks -p x
	[ "$status" = 2 ] || fail "status $status"
	run "$MEMTRACE" locks -p 1 extra
	[ "$status" = 2 ] || fail "status $status"
	run "$MEMTRACE" watch --threshold soon
	[ "$status" = 2 ] || fail "status $status"
}

@test "a process that nobody waits in" {
	sleep 60 3>&- &
	STARTED+=($!)
	run --separate-stderr "$MEMTRACE" locks -p $!
	[ "$status" = 0 ] || fail "status $status: $stderr"
	[[ $output == *"No thread waits"* ]] || fail "$output"
}

@test "processes that exit during the look: a clear word or a report, never a crash" {
	local round
	for round in $(seq 25); do
		"$LOCK_TARGETS/knots" abba "$HUNG/gone$round" >/dev/null 3>&- &
		local pid=$!
		(sleep "0.0$((round % 10))" && kill -KILL $pid) 3>&- &
		sleep 0.03
		run timeout 20 "$MEMTRACE" locks -p $pid
		[ "$status" = 0 ] || [ "$status" = 1 ] || [ "$status" = 3 ] ||
			fail "round $round: status $status: $output"
		wait $pid || true
	done
}

@test "without the right to read the process: said, not guessed" {
	require_command setpriv
	[ "$(id -u)" = 0 ] || skip "needs root, to be nobody"
	hang self "$LOCK_TARGETS/knots" self "$HUNG/self"
	wait_hung self
	# Where nobody can reach it: bats' own folders are closed to others.
	local open
	open=$(mktemp -d /tmp/memtrace-test.XXXXXX)
	cp "$MEMTRACE" "$open/memtrace"
	chmod -R 755 "$open"
	run --separate-stderr setpriv --reuid=65534 --clear-groups --inh-caps=-all \
		--bounding-set=-all "$open/memtrace" locks -p "$(hung_pid self)"
	[ "$status" = 1 ] || fail "status $status: $output"
	[[ $stderr == *"$(hung_pid self)"* ]] || fail "the process is not named: $stderr"
	[[ $stderr == *[Pp]ermi* || $stderr == *root* ]] || fail "no cause, no remedy: $stderr"
	# Its memory may be read, but neither by BPF nor from /proc what it waits in.
	for what in "-p $(hung_pid self)" --all; do
		# shellcheck disable=SC2086 # an option and its argument
		run --separate-stderr setpriv --reuid=65534 --clear-groups \
			--inh-caps=-all,+sys_ptrace --ambient-caps=-all,+sys_ptrace \
			"$open/memtrace" locks $what
		[ "$status" = 1 ] || fail "$what: status $status: $output"
		[[ $stderr == *root* ]] || fail "$what: no remedy: $stderr"
	done
	rm -r "$open"
}

@test "ten thousand threads behind one lock, in under 5 s" {
	hang crowd "$LOCK_TARGETS/knots" crowd "$HUNG/crowd"
	wait_until 60 has_verdict crowd || fail "the crowd does not gather"
	sleep 1
	look_at crowd
	expect_truth crowd
	expect '.took_ns < 5e9' true
	expect '.convoys[0].length > 9000' true
	expect '.deadlocks[0].victims | length > 9000' true
}
