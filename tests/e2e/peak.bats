#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# What the heap was made of at its peak, how long blocks lived, which were temporary, and the series
# over time, against a program that knows them (tests/targets/heap/peak.c); and a real server's
# recording in every format.
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

# site FUNCTION FILTER: of the one site whose innermost frame is in that function.
site()
{
	jq "[.sites[] | select(.stack[0].function == \"$1\")] | if length == 1 then .[0] | $2
		else error(\"\(length) sites\") end" report.json
}

trace_peak()
{
	timeout "$RUN_SECONDS" "$MEMTRACE" --json=report.json -- "$TARGETS/peak" >out 2>err ||
		fail "memtrace ended with status $?"
}

@test "the heap at its peak is what the program had then, site by site" {
	trace_peak
	expect .heap.peak_bytes 600000
	[ "$(site base .peak_bytes)" = 100000 ]
	[ "$(site base .peak_count)" = 100 ]
	[ "$(site spike .peak_bytes)" = 500000 ]
	[ "$(site spike .peak_count)" = 50 ]
	[ "$(site after .peak_bytes)" = 0 ]
	[ "$(site temporary .peak_bytes)" = 0 ]
	expect '[.sites[].peak_bytes] | add' 600000
	expect .heap.live_bytes 160000
}

@test "temporaries are those freed before the thread's next allocation" {
	trace_peak
	[ "$(site temporary .temporary_count)" = 300 ]
	[ "$(site slow .temporary_count)" = 10 ]
	[ "$(site base .temporary_count)" = 0 ]
	# Only the last block of the spike was the thread's latest allocation when the frees began;
	# it was freed last, with no allocation in between.
	[ "$(site spike .temporary_count)" = 1 ]
	expect .heap.temporary_count 311
}

@test "lifetimes fall into the right powers of two" {
	trace_peak
	# 20 ms and more: from 2^24 ns on.
	[ "$(site slow '.lifetimes | .[24:] | add')" = 10 ]
	[ "$(site slow '.lifetimes | .[:24] | add // 0')" = 0 ]
	[ "$(site temporary '.lifetimes | add')" = 300 ]
	expect '.lifetimes | add' 360
}

@test "the series adds up to the run and reaches its peak" {
	trace_peak
	expect '[.series.buckets[].alloc_count] | add' 480
	expect '[.series.buckets[].alloc_bytes] | add' "$(report .heap.alloc_bytes)"
	expect '[.series.buckets[].free_count] | add' 360
	expect '[.series.buckets[].live_max_bytes] | max' 600000
	# What base() and after() keep is all there is whenever slow() has freed its block.
	expect '[.series.buckets[].live_min_bytes] | any(. == 160000)' true
}

@test "a recording of redis-server replays to the same report, and goes into every format" {
	require_command redis-server
	require_command redis-benchmark
	local socket=$BATS_TEST_TMPDIR/redis.sock format
	start_memtrace -o run.rec --json=report.json -- redis-server --port 0 --unixsocket "$socket" \
		--save ''
	wait_until $WAIT_SECONDS redis-cli -s "$socket" ping
	timeout 100 redis-benchmark -s "$socket" -q -n 5000 -t set,get,lpush >bench
	redis-cli -s "$socket" shutdown nosave || true
	finish "$TRACER" 60
	expect .events.lost 0
	timeout 100 "$MEMTRACE" report --json=replayed.json run.rec >replayed.txt
	cmp report.json replayed.json
	for format in text json ndjson pprof folded speedscope html; do
		[ "$format" != html ] || [ -d "$ROOT/user/report/html/node_modules" ] || continue
		timeout 100 "$MEMTRACE" report -F "$format" -o "redis.$format" run.rec
		[ -s "redis.$format" ] || fail "no $format"
	done
	jq -e '.profiles | length > 0' redis.speedscope >/dev/null
	gzip -t redis.pprof
	if command -v go >/dev/null; then
		go tool pprof -symbolize=none -sample_index=alloc_objects -raw redis.pprof 2>/dev/null |
			grep -q 'alloc_objects'
	fi
}
