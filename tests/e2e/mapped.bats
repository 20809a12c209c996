#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Memory that a program maps by calls of its own has call sites, apart from the heap's.

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

# expect_mapped: bytes mapped, by the function that called, are the truth; nothing else is growth.
expect_mapped()
{
	local got want
	got=$(report '[.mapped_sites[] | select(.mapped_bytes > 0) |
		select([.stack[].function] | index("main")) |
		{key: ([.stack[].function][0]), value: .mapped_bytes}] |
		group_by(.key) | map({key: .[0].key, value: (map(.value) | add)}) | from_entries' | jq -cS .)
	want=$(jq -cS . truth)
	[ "$got" = "$want" ] || fail "mapped by function: $got, the truth is $want"
}

@test "launched: what the program mapped itself stands at the calls' sites, to the byte" {
	trace_launched -- "$TARGETS/mapped"
	expect_mapped
}

@test "attached: what the program mapped itself stands at the calls' sites, to the byte" {
	trace_attached -- "$TARGETS/mapped"
	expect_mapped
	[ "$(report .mappings.kinds.program)" = "$(jq -s 'map(add) | add' truth)" ]
	[ "$(report .mappings.kinds.allocator)" -ge $((64 << 20)) ] # a page more than malloc's block
	[ "$(report .mappings.kinds.reserved)" = $(((64 << 20) + 30 * 4096)) ]
	[ "$(report .mappings.kinds.files)" = 4096 ]
	[ "$(report .mappings.kinds.thread_stacks)" -gt 0 ]
	expect .heap.alloc_bytes "$(report '.sites | map(.alloc_bytes) | add')"
}

@test "with -f a child's copies are no growth, what it maps itself is" {
	trace_launched -f -- "$TARGETS/mapped" fork
	expect_mapped
}

@test "without tables and without stacks the bytes are the same" {
	local want
	trace_attached --stacks none -- "$TARGETS/mapped"
	want=$(jq -s 'map(add) | add' truth)
	expect '.mapped_sites | map(.mapped_bytes) | add' "$want"
	expect '.mapped_sites | length' 1
	trace_attached --stacks fp -- "$TARGETS/mapped"
	expect '.mapped_sites | map(.mapped_bytes) | add' "$want"
}

@test "a recording has the mapped sites, in every format" {
	"$MEMTRACE" record -o run.rec -- "$TARGETS/mapped" 2>err
	"$MEMTRACE" report --json=report.json run.rec
	expect_mapped
	[ "$("$MEMTRACE" report -F folded --weight mapped-bytes run.rec |
		awk '{ s += $NF } END { print s }')" = "$(report '.mapped_sites | map(.mapped_bytes) | add')" ]
	"$MEMTRACE" report -F speedscope run.rec >speedscope.json
	[ "$(jq '.profiles[] | select(.name == "bytes mapped by the program") | .endValue' speedscope.json)" = \
		"$(report '.mapped_sites | map(.mapped_bytes) | add')" ]
	"$MEMTRACE" report -F ndjson -o events.ndjson run.rec
	[ "$(jq -s 'map(select(.event == "mapping" and .by_allocator and .length > 60000000)) | length' \
		events.ndjson)" = 1 ]
}

@test "diff compares the mapped sites of two instants" {
	"$MEMTRACE" record -o run.rec -- "$TARGETS/mapped" 2>err
	"$MEMTRACE" report --json=report.json run.rec
	"$MEMTRACE" diff --json=diff.json run.rec@1us run.rec
	[ "$(jq '.mapped_sites | map(.before.live_bytes) | add' diff.json)" = 0 ]
	[ "$(jq '.mapped_sites | map(.after.live_bytes) | add' diff.json)" = \
		"$(report '.mapped_sites | map(.mapped_bytes) | add')" ]
	"$MEMTRACE" diff run.rec@1us run.rec >diff.txt
	grep -q '^sites that map memory' diff.txt || fail "$(cat diff.txt)"
	grep -q ' 1  appeared .* mapped (0 B -> ' diff.txt || fail "$(cat diff.txt)"
	! grep -q ' give_back ' diff.txt || fail "$(cat diff.txt)"
	"$MEMTRACE" diff run.rec run.rec >diff.txt
	! grep -q '^sites that map memory' diff.txt
}

@test "the text lists them first when they outweigh the heap" {
	"$MEMTRACE" --top 2 -- sh -c 'exec "$0"' "$TARGETS/mappings" >out 2>err
	grep -q 'sites that map memory, by bytes mapped$' out || fail "$(cat out)"
	grep -A2 'sites that map memory' out | grep -q ' mapped; .* in .* calls*$' || fail "$(cat out)"
}

@test "Python's pool is named with the switch that opens it" {
	require_command python3
	"$MEMTRACE" -- python3 -c 'x = [str(i) for i in range(200000)]' >out 2>err
	grep -q "Python's pool: --python-allocator" out || fail "$(cat out)"
}

@test "RSS that is no live heap is told: the allocator keeps what was freed" {
	local live rss got kept
	"$MEMTRACE" record -o run.rec -- "$TARGETS/fragmented" >out 2>err
	"$MEMTRACE" report --json=report.json run.rec >out 2>>err
	live=$(truth live_bytes) rss=$(truth rss_bytes)
	kept=$(report .memory.kept_by_allocator_bytes_estimate)
	grep -q "^RSS  .*MiB: .* live, about .* MiB" out || fail "$(cat out)"
	got=$(report '.memory.rss_bytes // .memory.peak_rss_bytes') # before Linux 6.16 the peak alone
	((got > rss * 9 / 10 && got < rss * 12 / 10)) || fail "RSS is $got, the truth is $rss"
	((kept > (rss - live) * 8 / 10 && kept < rss)) || fail "kept: $kept of $rss, $live live"
}

@test "attached: the RSS of a process that runs, and no guess at what its allocator keeps" {
	local rss
	trace_attached -- "$TARGETS/mapped"
	expect '.memory | .process_count, .at_exit, has("kept_by_allocator_bytes_estimate")' $'1\nfalse\nfalse'
	rss=$(report .memory.rss_bytes)
	((rss > 1 << 19 && rss < 64 << 20)) || fail "RSS is $rss"
}
