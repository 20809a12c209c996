#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace locks: waits in the kernel that are for no futex: files, pipes, sockets, children.
bats_require_minimum_version 1.5.0
load helpers
load locks_table

OTHERS=(cross-flock cross-record cross-description self-flock inherited-flock full-pipes own-pipe full-sockets full-fifo full-child
	silence supervised hung-child traced-child sleepers semaphores)

setup_file()
{
	local name
	hang_all others "${OTHERS[@]}"
	wait_all_hung "${OTHERS[@]}"
	for name in "${OTHERS[@]}"; do
		wait_until $WAIT_SECONDS all_sleep "$(hung_pid "$name")"
	done
}

# all_sleep PID: it and its children, in the kernel.
all_sleep()
{
	local pid
	for pid in "$1" $(pgrep -P "$1"); do
		grep -q '^State:.[St]' "/proc/$pid/status" || return 1
	done
}

# show NAME: the page about it, joined where lines were broken.
show()
{
	timeout 60 "$MEMTRACE" locks -p "$(hung_pid "$1")" >page 2>err || true
	PAGE=$(tr -s '[:space:]' ' ' <page)
}

@test "flock against flock, and flock against fcntl, of two processes" {
	check cross-flock exact
	expect '[.deadlocks[0].cycle[].kind] | unique | join(" ")' flock
	expect '.processes | length' 2
	expect '.waits | all(.fd >= 3 and (has("uaddr") | not) and (.lock | has("address") | not))' true
	check cross-record exact
	expect '[.deadlocks[0].cycle[].kind] | sort | join(" ")' "fcntl-lock flock"
	check cross-description exact
}

@test "the same through /proc alone" {
	look_at cross-flock --proc
	expect_truth cross-flock
	look_at full-child --proc
	expect_truth full-child
}

@test "a process whose own second descriptor holds the lock" {
	check self-flock exact
}

@test "a lock that a child inherited from one that has ended" {
	look_at inherited-flock
	expect '.waits[0].verdict' "OWNER BLOCKED ELSEWHERE"
	expect '.waits[0].owner.reason | test("locked it and has ended")' true
	expect '.waits[0].ends_in.syscall | test("pause|ppoll")' true
	expect '[.waits[0].ends_in.stack[].function] | index("inherited_flock") != null' true
	[ "$LOOK_STATUS" = 0 ] || fail "status $LOOK_STATUS"
}

@test "two processes that each fill the other's pipe, or socket" {
	check full-pipes inferred
	expect '[.deadlocks[0].cycle[].kind] | unique | join(" ")' pipe-write
	check full-sockets inferred
	expect '[.deadlocks[0].cycle[].kind] | unique | join(" ")' socket-write
}

@test "a process of one thread that fills its own pipe" {
	check own-pipe inferred
}

@test "a parent that waits for its child, which fills the parent's pipe" {
	check full-child
	check full-fifo
	show full-child
	[[ $PAGE == *"until its child others (PID"*" ends "*"to write to pipe:["*"which is full"* ]] ||
		fail "$PAGE"
}

@test "two processes that each wait for the other to speak; a supervisor and its worker are well" {
	check silence inferred
	look_at supervised
	expect '.deadlocks + .waits | length' 0
	[ "$LOOK_STATUS" = 0 ] || fail "status $LOOK_STATUS"
	show supervised
	[[ $PAGE == *"wait4 for others (PID"*"read of fd "*"the other end is open in others (PID"* ]] ||
		fail "$PAGE"
}

@test "a parent whose child hangs: the child is looked at" {
	check hung-child
	expect '.waits | map(.kind) | sort | join(" ")' "child mutex"
}

@test "a lock held by a thread that its tracer has stopped" {
	timeout 60 "$MEMTRACE" locks -p "$(pgrep -P "$(hung_pid traced-child)")" >page 2>err || true
	PAGE=$(tr -s '[:space:]' ' ' <page)
	[[ $PAGE == *"the chain ends in others (PID "*": stopped by its tracer, others (PID "*traced_child* ]] ||
		fail "$PAGE"
}

@test "nothing waits for a lock: a line for each thread says what it does" {
	show sleepers
	[[ $PAGE == *"read of fd "*"(anon_inode:[eventfd])"* ]] || fail "$PAGE"
	[[ $PAGE == *"poller (PID "*"epoll_wait of fd "*"which watches fd "*"(anon_inode:[eventfd])"* ]] ||
		[[ $PAGE == *"poller (PID "*"epoll_pwait of fd "*"which watches fd "* ]] || fail "$PAGE"
}

@test "a semaphore of System V has no owner, but a value and somebody who changed it last" {
	look_at semaphores
	expect '.waits[0] | .kind, .verdict' $'sysv-semaphore\nSTALL'
	expect '.waits[0].owner.reason | test("value is 0, last changed by PID [0-9]+, this process")' true
}
