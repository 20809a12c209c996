#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Samples that a program's allocator takes itself and tells of by USDT probes: their weights' sums.

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

# sum OF KEY FUNCTION: of the sampled sites below a function of the program.
sum()
{
	report "[.samples.sites[] | select([.stack[].function] | index(\"$3\")) | .$1.$2] | add // 0"
}

expect_sums()
{
	[ "$(sum allocated weight keep_some)" = 524288000 ] || fail "weights of keep_some"
	[ "$(sum "$1" weight keep_some)" = 131072000 ] || fail "held weights of keep_some"
	[ "$(sum allocated blocks keep_some)" = 8192000 ] || fail "blocks of keep_some"
	[ "$(sum "$1" weight keep_large)" = 104857600 ] || fail "held weights of keep_large"
	[ "$(sum "$1" standard_error keep_large)" = 0 ] || fail "error of keep_large"
	[ "$(sum allocated weight pass_by)" = 17497500 ] || fail "weights of pass_by"
	[ "$(sum "$1" weight pass_by)" = 0 ] || fail "held weights of pass_by"
	expect .samples.allocated.samples 6100
	expect .samples.allocated.weight "$(jq -r .alloc_bytes truth)"
	expect .events.lost 0
}

@test "attached: the weights of otel_memory's probes, with their semaphores raised meanwhile" {
	trace_attached -- "$TARGETS/samples"
	expect_sums live
	expect .samples.estimated true
	grep -q 'looked at: 6100' target.out || fail "the semaphore was not raised"
	expect '.sites | map(select([.stack[].function] | index("keep_some"))) | length' 0
}

@test "samples alone, of a child, recorded: the same sums, in every format" {
	start_memtrace --mode samples -f -o run.mtr -- "$TARGETS/samples" fork
	finish "$TRACER" || fail "memtrace ended with status $?"
	grep -q 'est. 225 MiB' out || fail "the text does not have the estimate"
	"$MEMTRACE" report run.mtr --json=report.json -F folded -o folded --weight left-bytes
	expect .settings.mode samples
	head -n 1 truth >first && mv first truth
	expect_sums at_exit
	expect .heap.alloc_bytes 646643100
	grep -q 'keep_some;take 131072000' folded || fail "no folded stack of keep_some"
}

@test "another provider by its names, without weights and semaphores" {
	trace_attached --mode samples --usdt arena:take:give -- "$TARGETS/samples"
	[ "$(sum allocated weight own_arena)" = 14400 ] || fail "bytes of own_arena"
	[ "$(sum live weight own_arena)" = 4800 ] || fail "held bytes of own_arena"
	expect .samples.allocated.samples 6400
}

@test "where there are no such probes it is said, and what does not go together is refused" {
	run "$MEMTRACE" --mode samples -- true
	[ "$status" = 1 ] && [[ $output == *"no USDT probe otel_memory:alloc found"* ]]
	run "$MEMTRACE" --usdt a:b:c:d -- true
	[ "$status" = 2 ] && [[ $output == *"--usdt PROVIDER"* ]]
	run "$MEMTRACE" --budget 2 --mode samples -- true
	[ "$status" = 2 ] && [[ $output == *"would miss samples"* ]]
}
