#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Programs on a file system whose server stops answering: nothing waits for it.

load helpers

setup()
{
	begin_test
	require_tracing
	[ -c /dev/fuse ] || skip "this machine has no /dev/fuse"
	mkdir mount
}

teardown()
{
	if [ -n "${SERVER:-}" ]; then
		kill -KILL "$SERVER" || true # what waits for it gets an error
		umount -l "$BATS_TEST_TMPDIR/mount" || true
	fi
	end_test
}

# serve PROGRAM: it is found as mount/file. Sets SERVER.
serve()
{
	"${TARGETS%/*}/files/silent_fs" "$1" mount >served 3>&- &
	SERVER=$!
	STARTED+=("$SERVER")
	wait_until 5 grep -q ready served || skip "a FUSE file system cannot be mounted here"
}

@test "a program on a FUSE file system is traced to the unit" {
	serve "$TARGETS/every_c"
	trace_launched -- mount/file
	expect_totals
	expect '[.sites[].stack[].function] | index("main") != null' true
}

@test "locks explains a process whose program's file cannot be read any more, and says so" {
	serve "${TARGETS%/*}/locks/knots"
	mount/file abba knots.truth >/dev/null 2>&1 3>&- &
	local target=$! status=0
	STARTED+=("$target")
	wait_until 20 test -s knots.truth
	kill -STOP "$SERVER"
	timeout 30 "$MEMTRACE" locks -p "$target" >out 2>err || status=$?
	[ $status = 3 ] || fail "exit status $status: $(cat out)"
	grep -q '^DEADLOCK: 2 threads' out || fail "$(cat out)"
	grep -q 'pthread_mutex_lock' out || fail "$(cat out)"
	grep -q 'mount/file of process .* does not answer' err || fail "not told: $(cat err)"
}

@test "-p traces a process whose program's file cannot be read any more" {
	serve "$TARGETS/every_c"
	start_target mount/file
	kill -STOP "$SERVER"
	start_memtrace -p "$TARGET" --json=report.json
	wait_attached || return 1
	grep -q 'mount/file of process .* does not answer' err || fail "not told: $(cat err)"
	stop_memtrace
}

@test "watch finds a deadlock beside programs whose file cannot be read any more" {
	serve "${TARGETS%/*}/locks/knots"
	mount/file abba knots.truth >/dev/null 2>&1 3>&- &
	local target=$!
	STARTED+=("$target")
	wait_until 20 test -s knots.truth
	kill -STOP "$SERVER"
	start_memtrace watch --json
	wait_until 20 grep -q "\"event\":\"deadlock\".*\"pid\":$target" out || fail "not found: $(cat out err)"
	kill -INT "$TRACER"
	wait_until 10 process_ended "$TRACER" || fail "it waits"
}

# The shell in a namespace of its own puts the file system over /tmp, where a map of JIT code would be.
@test "a process whose /tmp does not answer is traced, and looked at" {
	require_command unshare
	# shellcheck disable=SC2016 # the inner shell's words
	unshare -m sh -c 'mount --make-rprivate / && "$1/../files/silent_fs" "$0" /tmp >served &
		echo $! >server; while ! grep -q ready served; do sleep 0.05; done
		exec "$0" 60 pairs' "$TARGETS/spin" "$TARGETS" 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until 10 test -s pairs || skip "a FUSE file system cannot be mounted here"
	SERVER=$(cat server)
	kill -STOP "$SERVER"
	start_memtrace -p "$TARGET" -d 0.5 --json=report.json
	wait_until 30 process_ended "$TRACER" || fail "it waits: $(cat err)"
	grep -q '/tmp of process .* is on a network or FUSE file system' err || fail "not told: $(cat err)"
	expect '[.sites[].stack[].function] | index("main") != null' true
	timeout 30 "$MEMTRACE" locks -p "$TARGET" >out 2>err || fail "status $?: $(cat err)"
}
