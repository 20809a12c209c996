#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Children, however they came to be: with -f each is counted from its first instruction to its end.
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

# expect_offspring WAY...: ten children at once by each way are exact, and none of them was late.
# shellcheck disable=SC2016 # the inner shell's words
expect_offspring()
{
	trace_launched -f --hold=10s --exit-status -- \
		sh -c 'for way; do "$0" "$way" 10 || exit 1; done' "$TARGETS/offspring" "$@"
	expect_own_calls offspring alloc_count alloc_bytes free_count
	expect '[.events.other_losses[]] | add // 0' 0
}

@test "copies of a process and their orphans are counted exactly" {
	expect_offspring fork orphan
}

@test "children in their parent's memory are counted exactly" {
	expect_offspring vfork clone
}

@test "children that execute are counted exactly, by whichever way they came" {
	expect_offspring vfork-exec clone-exec spawn thread-exec
}
