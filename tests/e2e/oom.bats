#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# --oom: a report when the kernel kills a target for want of memory.

load helpers

GROUPS_AT=/sys/fs/cgroup/memory

setup()
{
	begin_test
	require_tracing
	GROUP=$GROUPS_AT/memtrace-test-$$
	mkdir "$GROUP" 2>/dev/null || skip "no cgroup for memory can be made here"
	echo 48M 2>/dev/null >"$GROUP/memory.limit_in_bytes" || skip "its limit cannot be set"
	require_command python3
}

teardown()
{
	end_test
	# Empty once the kernel has buried who was in it.
	[ ! -d "$GROUP" ] || wait_until $WAIT_SECONDS rmdir "$GROUP"
}

@test "a target that its cgroup's limit kills: the report has a note, and what it held" {
	start_memtrace --oom --json=report.json -- sh -c 'echo 0 >"$0/cgroup.procs" && exec "$1" -I -S -c "
kept = []
while True:
	kept.append(b\"x\" * (1 << 20))
"' "$GROUP" "$(command -v python3)"
	finish "$TRACER" || fail "memtrace ended with status $?"
	grep -q 'out of memory: the kernel kills process' err || fail "it is not said"
	expect '.notes | map(select(startswith("out of memory: the kernel has chosen"))) | length' 1
	expect '.heap.at_exit_bytes > 16 * 1048576' true
	grep -q 'out of memory: the kernel' out || fail "the text does not have the note"
}
