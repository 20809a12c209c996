#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace heap: the census of a heap from outside equals what its program knows of it.
load helpers

setup()
{
	begin_test
	CENSUS=$ROOT/build/targets/census
}

teardown()
{
	end_test
}

# take_census: of the target, into report.json.
take_census()
{
	"$MEMTRACE" heap -p "$TARGET" --json=report.json >out 2>err ||
		fail "memtrace heap ended with status $?"
}

# expect_heap OWN: counts and bytes are the program's, but for OWN blocks of the C library's start.
expect_heap()
{
	local count bytes
	count=$(report .heap.live_count)
	bytes=$(report .heap.live_bytes)
	[ "$count" = $(($(truth live_count) + $1)) ] ||
		fail "$count blocks, the program has $(truth live_count)"
	[ "$1" != 0 ] || [ "$bytes" = "$(truth live_bytes)" ] ||
		fail "$bytes bytes, the program has $(truth live_bytes)"
	expect '.in_motion + .heap.skipped_bytes + (.heap.corrupt | length)' 0
	expect '.heap | .mapped_by_allocator as $n | ($n == null or $n == ([.arenas[].mapped_count] | add))' true
}

# expect_rss: the account adds up to the resident memory, within 1 %.
expect_rss()
{
	local rss sum
	rss=$(($(sed -n 's/^Rss: *\([0-9]*\) kB/\1/p' "/proc/$TARGET/smaps_rollup") * 1024))
	sum=$(report '[.account[]] | add')
	[ $((sum > rss ? sum - rss : rss - sum)) -le $((rss / 100)) ] ||
		fail "the account adds up to $sum, RSS is $rss"
}

census_of()
{
	local own=$1
	shift
	require_file "$1"
	start_target "$@" || return 1
	take_census || return 1
	expect_rss || return 1
	expect_heap "$own" || return 1
	touch "$GATE/finish"
	finish "$TARGET" || fail "the target ended with status $?"
}

@test "census: one thread's heap is counted to the unit" {
	census_of 0 "$CENSUS/blocks" 1 20000 1
}

@test "census: eight threads' arenas, caches and mappings are counted to the unit" {
	census_of 0 "$CENSUS/blocks" 8 20000 2
	expect '(.heap.arenas | length) > 1 and .heap.own_count > 8' true
}

# The C library's start leaves five blocks of its own in a static program.
@test "census: a static program's heap is counted to the unit" {
	census_of 5 "$CENSUS/blocks-static" 3 20000 3
}

@test "census: a static position-independent and a stripped program need no symbols" {
	census_of 5 "$CENSUS/blocks-static-pie" 2 20000 4
	census_of 5 "$CENSUS/blocks-stripped" 2 20000 5
}

@test "census: musl's heap is counted to the unit, and what is lost in it" {
	census_of 0 "$CENSUS/blocks-musl" 8 20000 8
	expect .heap.allocator "musl malloc"
	expect .unread_allocator null
	census_of 0 "$CENSUS/blocks-musl-static" 3 20000 9
	expect_lost tree 1 62 0 lost-musl
	expect_lost threads 1 0 0 lost-musl
}

# works_for PID TICKS: it has had so much of the processor, in 1/100 s, however long that took.
works_for()
{
	[ "$(awk '{print $14 + $15}' "/proc/$1/stat")" -ge "$2" ]
}

# All 5,500 blocks or so are others within some milliseconds, the longer it is kept from its
# processor in the middle of malloc the more of them have to be read again.
@test "census: a heap in motion is read whole, and the program is as it was" {
	"$CENSUS/blocks" 2 1 6 run >target.out 2>&1 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until $WAIT_SECONDS works_for "$TARGET" 20 || fail "the target does not work"
	take_census || return 1
	expect '.heap.live_count > 3000 and .heap.live_count < 10000' true
	expect '.heap.corrupt | length' 0
	expect '.in_motion * 2 < .heap.live_count' true
	expect '.heap.skipped_bytes * 5 < .heap.live_bytes' true
	process_ended "$TARGET" && fail "the target has ended"
	return 0
}

@test "census: looking adds neither pages nor faults to a process that stands still" {
	local before after
	start_target "$CENSUS/blocks" 4 20000 7 || return 1
	before=$(awk '{print $10, $24}' "/proc/$TARGET/stat")
	take_census || return 1
	after=$(awk '{print $10, $24}' "/proc/$TARGET/stat")
	[ "$before" = "$after" ] || fail "minor faults and RSS were $before, are $after"
}

# expect_owners GLOBAL: who has what in the heap of "owned".
expect_owners()
{
	start_target "$CENSUS/$1" || return 1
	take_census || return 1
	expect '[.classes[] | select(.shape == "object") | [.name, .count]] | @json' \
		'[["Session",1000],["cache::Entry",100]]'
	# A map, its nodes, and of each session itself, its user and the user's text.
	expect "[.owners[] | select(.name | test(\"$2\")) | .retained_count] | @json" '[4001]'
	expect '[.owners[] | select(.name | test("^TLS of thread")) | .retained_count] | max' 51
	expect '.owners[] | select(.name == "(shared)") | .retained_count >= 100' true
	expect "[.owners[] | select(.name | test(\"$2\")) | .path[].class] | index(\"Session\") > 0" true
	expect '[.leaks | .definite, .indirect, .possible | .count] | add' 0
}

@test "census: classes and owners are named, by offset where a program is stripped" {
	expect_owners owned '^g_sessions '
	expect_owners owned-stripped '^owned-stripped\\+0x'
	"$MEMTRACE" heap -p "$TARGET" -F folded >folded
	grep -q ';Session;.*text, 104 bytes [0-9]*$' folded || fail "$(cat folded)"
}

@test "census: two saved censuses tell what grew" {
	start_target "$CENSUS/owned" || return 1
	"$MEMTRACE" heap -p "$TARGET" -o after >/dev/null 2>err || fail "status $?"
	# As if there had been fewer sessions before.
	jq '(.classes[] | select(.name == "Session")) |= (.count = 400 | .bytes = 41600)
		| (.owners[] | select(.name == "g_sessions (owned)")).retained_bytes -= 1000' after >before
	"$MEMTRACE" diff before after >out 2>err || fail "status $?"
	grep -q '+60.9 KiB  Session: 102 KiB in 1,000, was 40.6 KiB in 400' out || fail "$(cat out)"
	grep -q '+1000 B  g_sessions (owned): ' out || fail "$(cat out)"
	grep -q '^lost: none grew' out || fail "$(cat out)"
	"$MEMTRACE" diff before after --json=report.json 2>err || fail "status $?"
	expect '.classes[0] | [.name, .before_count, .after_count] | @json' '["Session",400,1000]'
	expect '.before.live_count == .after.live_count' true
	run "$MEMTRACE" diff before truth.none
	[ "$status" = 1 ] || fail "$output"
}

@test "census: a repeated one shows what grew, until the process ends" {
	start_target "$CENSUS/owned" || return 1
	"$MEMTRACE" heap -p "$TARGET" --every 100ms >out 2>err 3>&- &
	STARTED+=("$!")
	wait_until $WAIT_SECONDS grep -q '^owners: none grew' out || fail "$(cat out)"
	kill "$TARGET"
	finish "$!" || fail "status $?"
}

# expect_lost CASE DEFINITE INDIRECT POSSIBLE [PROGRAM]: what valgrind --leak-check=full says of it, too.
expect_lost()
{
	start_target "$CENSUS/${5:-lost}" "$1" || return 1
	take_census || return 1
	[ "$(report '[.leaks | .definite, .indirect, .possible | .count] | @csv')" = "$2,$3,$4" ] ||
		fail "$1: lost are $(report '.leaks')"
}

@test "census: lost trees, rings and blocks are told from those that are held" {
	expect_lost tree 1 62 0
	expect '.leaks.definite.bytes * 62 == .leaks.indirect.bytes' true
	expect_lost cycle 1 2 0
	expect_lost inner 0 0 2
	expect_lost mapped 2 0 0
}

@test "census: threads' stacks, TLS and keys hold blocks, and so do registers" {
	expect_lost threads 1 0 0
	require_tracing # /proc has fewer registers than the kernel's iterator
	expect_lost register 0 0 0
}

@test "census: what is moved about at full speed is not lost" {
	start_target "$CENSUS/lost" moving || return 1
	for _ in 1 2 3; do
		take_census || return 1
		expect '[.leaks | .definite, .indirect, .possible | .count] | add' 0
	done
}

@test "census: a 32-bit program is refused by name" {
	start_32_bit
	run "$MEMTRACE" heap -p "$TARGET"
	[ "$status" = 1 ] || fail "status $status: $output"
	[[ $output == *32-bit* ]] || fail "$output"
}

@test "census: another allocator than the C library's is named" {
	local jemalloc=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2
	require_file "$jemalloc"
	LD_PRELOAD=$jemalloc sleep 20 3>&- &
	STARTED+=("$!")
	wait_until 5 grep -q libjemalloc "/proc/$!/maps"
	run "$MEMTRACE" heap -p "$!"
	[[ $output == *"jemalloc is mapped: its heap is not read"* ]] || fail "$output"
	[ "$("$MEMTRACE" heap -p "$!" --json | jq -r .unread_allocator)" = jemalloc ]
}

@test "census: the page has the figures, and no name in it can end it" {
	start_target "$CENSUS/lost" tree || return 1
	"$MEMTRACE" heap -p "$TARGET" -F html -o page.html >out 2>err || fail "$(cat err)"
	[ ! -s out ] || fail "$(cat out)"
	[ "$(grep -c '</script>' page.html)" = 2 ] || fail "$(grep -c '</script>' page.html) scripts end"
	grep -q '"retained_bytes"' page.html || fail "no owners"
	run "$MEMTRACE" heap -p "$TARGET" -F html --every 1s
	[ "$status" = 2 ] || fail "$output"
}

@test "census: without the memory for it no pointers are followed, which is said" {
	start_target "$CENSUS/blocks" 1 20000 1 || return 1
	run "$MEMTRACE" heap -p "$TARGET" --memory-limit 1k --json=report.json
	[ "$status" = 0 ] && [[ $output == *"more than --memory-limit"* ]] || fail "$output"
	expect '.heap.live_count > 1000 and .owners == null' true
}

@test "census: usage errors have status 2" {
	run "$MEMTRACE" heap
	[ "$status" = 2 ] && [[ $output == *"give -p PID"* ]] || fail "$output"
	run "$MEMTRACE" heap -p nobody
	[ "$status" = 2 ] || fail "$output"
	run "$MEMTRACE" heap -p 4194304
	[ "$status" = 1 ] || fail "$output"
}
