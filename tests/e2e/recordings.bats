#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Takes long.
# Recordings: replayed they say what the live run said; they survive what ends a recorder; and the
# formats are read by the tools they are for.
bats_require_minimum_version 1.5.0
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

# record_launched [OPTION]... -- COMMAND...: a run that is reported live and recorded.
record_launched()
{
	trace_launched -o run.rec "$@"
}

# replay [OPTION]...: the recording's report, in replayed.json.
replay()
{
	timeout 60 "$MEMTRACE" report --json=replayed.json "$@" run.rec >replayed.txt 2>replay.err ||
		fail "no report of the recording: $(cat replay.err)"
}

expect_equal()
{
	cmp report.json replayed.json || fail "$(diff report.json replayed.json | head -20)"
}

@test "a replayed report equals the live one, byte for byte: threads" {
	record_launched -- "$TARGETS/storm" 4 20000 1
	replay
	expect_equal
	expect_own_calls "$TARGETS/storm"
}

@test "a replayed report equals the live one, byte for byte: forks and execs" {
	record_launched -f -- "$TARGETS/forktree"
	replay
	expect_equal
}

@test "a replayed report equals the live one, byte for byte: mappings" {
	record_launched -- "$TARGETS/mappings"
	replay
	expect_equal
}

@test "a replayed report equals the live one, byte for byte: python3" {
	require_command python3
	record_launched -- /usr/bin/python3 -c 'import json; print(len([json.dumps([i]) for i in range(5000)]))'
	replay
	expect_equal
}

@test "a replayed report equals the live one with the same filters" {
	local filters=(--min-size 100 --max-size 5000 --sort alloc --top 3 --older-than 1ms)
	record_launched "${filters[@]}" -- "$TARGETS/storm" 2 20000 1
	replay "${filters[@]}"
	expect_equal
}

@test "a recording holds all sizes, whatever filter the live report had" {
	record_launched --min-size 1000000000 -- "$TARGETS/storm" 1 5000 1
	replay
	cp replayed.json report.json
	expect_totals
	jq -e '[.sites[].stack[].function] | index("do_malloc") != null' report.json
}

@test "the replayed text equals the live one" {
	record_launched -- "$TARGETS/leak" 2000
	replay
	# What the target itself printed is not memtrace's.
	grep -A100 '^target ' out >live.txt
	diff live.txt replayed.txt
}

@test "memtrace record prints no report, and says what it wrote" {
	timeout 60 "$MEMTRACE" record -o run.rec -- "$TARGETS/storm" 1 5000 1 >out 2>err
	[ ! -s out ] || fail "$(cat out)"
	grep -qE '^recorded [0-9,]+ records to run.rec: .* bytes each$' err
	[ "$(stat -c %a run.rec)" = 600 ]
	replay
}

@test "memtrace record -p records what a running process does" {
	start_target "$TARGETS/storm" 2 10000 1
	start_memtrace record -o run.rec -p "$TARGET"
	wait_attached
	open_gate
	stop_memtrace
	close_gate
	finish "$TARGET"
	replay
	cp replayed.json report.json
	expect_totals
}

@test "a deadlock is in the recording, and the exit status tells it again" {
	"${TARGETS%/heap}/locks/knots" abba truth.knots >/dev/null 2>&1 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until $WAIT_SECONDS test -s truth.knots
	run -3 timeout 60 "$MEMTRACE" -p "$TARGET" -d 3 --json=report.json -o run.rec
	run -3 timeout 60 "$MEMTRACE" report --json=replayed.json run.rec
	expect_equal
	expect '.deadlocks | length' 1
	run -3 timeout 60 "$MEMTRACE" report -F dot run.rec
	[[ $output == *digraph* && $output == *" -> "* ]]
	require_command dot
	timeout 60 "$MEMTRACE" report -F svg -o waits.svg run.rec || [ $? = 3 ]
	grep -q '<svg' waits.svg
}

@test "memtrace killed: the recording is good up to the last second" {
	start_target "$TARGETS/storm" 1 20000 1
	start_memtrace record -o run.rec -p "$TARGET"
	wait_attached
	open_gate
	sleep 2.5
	kill -KILL "$TRACER"
	finish "$TRACER" || true
	close_gate
	replay
	cp replayed.json report.json
	expect .heap.alloc_count "$(truth alloc_count)"
	jq -e '.notes | map(test("not finished")) | any' report.json
	# Names come from the files here.
	jq -e '[.sites[].stack[].function] | index("do_malloc") != null' report.json
}

@test "target killed: the recording is whole" {
	start_target "$TARGETS/storm" 1 20000 1
	start_memtrace -o run.rec --json=report.json -p "$TARGET"
	wait_attached
	open_gate
	kill -KILL "$TARGET"
	finish "$TRACER"
	replay
	expect_equal
	expect .heap.alloc_count "$(truth alloc_count)"
}

@test "a full disk: tracing goes on, and both reports say what is missing" {
	mkdir small
	mount -t tmpfs -o size=512k tmpfs small 2>/dev/null || skip "cannot mount a small file system"
	start_memtrace -o small/run.rec --json=report.json -- "$TARGETS/storm" 1 200000 1
	local status=0
	finish "$TRACER" || status=$?
	cp small/run.rec run.rec
	umount small
	[ $status = 1 ] || fail "status $status"
	grep -q 'incomplete: No space left' err
	expect_totals
	jq -e '.notes | map(test("lacks .* records: No space left")) | any' report.json
	replay
	jq -e '.notes | map(test("lacks .* records|not finished")) | any' replayed.json
	jq -e '.events.missing_from_recording > 0' replayed.json
	"$MEMTRACE" report run.rec >text
	grep -q 'records MISSING' text || fail "$(cat text)"
	[ "$(jq .heap.alloc_count replayed.json)" -gt 1000 ]
	[ "$(jq .heap.alloc_count replayed.json)" -lt "$(truth alloc_count)" ]
}

@test "--from and --to look at a part of the run" {
	record_launched -- "$TARGETS/storm" 1 50000 1
	local half_ns first second
	half_ns=$(($(jq .duration_ns report.json) / 2))
	replay --to "$((half_ns / 1000))us"
	first=$(jq .heap.alloc_count replayed.json)
	[ "$(jq .duration_ns replayed.json)" = $((half_ns / 1000 * 1000)) ]
	replay --from "$((half_ns / 1000))us"
	second=$(jq .heap.alloc_count replayed.json)
	[ "$first" -gt 0 ] && [ "$second" -gt 0 ]
	[ $((first + second)) = "$(truth alloc_count)" ]
	replay --from 1h
	jq -e '.notes | map(test("^The run ended after")) | any' replayed.json
}

@test "diff tells which sites grew between two runs" {
	record_launched -- "$TARGETS/leak" 1000
	mv run.rec small.rec
	rm -f truth
	record_launched -- "$TARGETS/leak" 3000
	"$MEMTRACE" diff small.rec run.rec >diff.txt
	grep -q 'grew' diff.txt
	"$MEMTRACE" diff --json=diff.json small.rec run.rec
	jq -e '.sites[0].change == "grew"' diff.json
	jq -e '.sites[0].stack | map(.function) | index("remember_session") != null' diff.json
	"$MEMTRACE" diff --json run.rec run.rec >diff.json
	jq -e '[.sites[].change] | unique == ["same"]' diff.json
}

@test "diff compares two instants of one recording" {
	record_launched -- "$TARGETS/storm" 1 50000 1
	"$MEMTRACE" diff --json=diff.json run.rec@1ms run.rec
	[ "$(jq .before.duration_ns diff.json)" = 1000000 ]
	[ "$(jq .after.alloc_count diff.json)" = "$(truth alloc_count)" ]
	"$MEMTRACE" diff run.rec@1h run.rec >diff.txt 2>diff.err
	grep -q 'ended after .*: using its end' diff.err || fail "$(cat diff.err)"
}

@test "what is no recording is refused in one line" {
	run timeout 10 "$MEMTRACE" report /etc/passwd
	expect_error 1 "not a memtrace recording"
	run timeout 10 "$MEMTRACE" report /no/such/file
	expect_error 1 "No such file"
	run timeout 10 "$MEMTRACE" report /tmp
	expect_error 1 "/tmp"
	run timeout 10 "$MEMTRACE" report /dev/null
	expect_error 1 "/dev/null"
	run timeout 10 "$MEMTRACE" report
	[ "$status" = 2 ]
	[[ $output == *"Try \`memtrace report --help'"* ]] || fail "$output"
	run timeout 10 "$MEMTRACE" report --from 5 --to 2 x
	[ "$status" = 2 ]
	run timeout 10 "$MEMTRACE" diff x
	[ "$status" = 2 ]
	run timeout 10 "$MEMTRACE" record -- true
	[ "$status" = 2 ]
	run timeout 10 "$MEMTRACE" -o /no/such/folder/file -- true
	expect_error 1 "No such file"
	run timeout 10 "$MEMTRACE" -o /dev/full -- true
	expect_error 1 "No space left"
}

@test "ndjson of a live run has every event of the report" {
	"$MEMTRACE" -F ndjson -o live.ndjson --json=report.json -- "$TARGETS/storm" 1 200 3 \
		>out 2>err
	[ "$(jq -s 'map(select(.event == "alloc" or (.event == "realloc" and .outcome == "moved"))) |
		length' live.ndjson)" = "$(report .heap.alloc_count)" ]
	[ "$(jq -s 'last.event' live.ndjson)" = '"end"' ]
}

@test "ndjson has every event, an object a line" {
	record_launched -- "$TARGETS/storm" 1 5000 1
	"$MEMTRACE" report -F ndjson -o events.ndjson run.rec
	[ "$(jq -s 'map(select(.event == "alloc" or (.event == "realloc" and .outcome == "moved"))) |
		length' events.ndjson)" = "$(truth alloc_count)" ]
	[ "$(jq -s 'map(select(.event == "alloc" or (.event == "realloc" and .outcome == "moved"))
		.size) | add' events.ndjson)" = "$(truth alloc_bytes)" ]
	# Every stack that is used was told before.
	jq -se 'reduce .[] as $e ({known: {"0000000000000000": true}, ok: true};
		if $e.event == "stack" then .known[$e.stack] = true
		elif $e.event == "alloc" then .ok = (.ok and .known[$e.stack]) else . end) | .ok' \
		events.ndjson
	jq -se 'last.event == "end" and last.missing == 0' events.ndjson
}

@test "go tool pprof reads the profile, and has our numbers" {
	require_command go
	require_command python3
	record_launched -- /usr/bin/python3 -c 'import json; x = [json.dumps([i]) for i in range(5000)]'
	"$MEMTRACE" report -F pprof -o run.pb.gz run.rec
	local index key
	for pair in inuse_space:live_bytes inuse_objects:live_count alloc_space:alloc_bytes \
		alloc_objects:alloc_count; do
		index=${pair%:*} key=${pair#*:}
		HOME=$PWD go tool pprof -symbolize=none -raw -sample_index="$index" run.pb.gz >raw.txt 2>pprof.err
		# Samples: "   inuse... : locations", five values each.
		[ "$(sed -n '/^Samples:/,/^Locations/p' raw.txt |
			awk -v want="$index" '/\// { for (i = 1; i <= NF; i++) if ($i ~ "^" want "/") c = i }
				/^ *[0-9 ]+: / { sub(/:.*/, ""); s += $c } END { printf "%d", s }')" = \
			"$(report .heap.$key)" ] || fail "$index is not heap.$key"
	done
	HOME=$PWD go tool pprof -symbolize=none -top -sample_index=alloc_space -nodefraction=0 -nodecount=9999 -unit=b \
		run.pb.gz >top.txt 2>pprof.err
	grep -q '^File: python3' top.txt || fail "$(head -1 top.txt)"
	grep -q "Total samples = $(report .heap.alloc_bytes)B\|of $(report .heap.alloc_bytes)B total" top.txt ||
		fail "$(head -8 top.txt)"
}

@test "folded stacks are a flame graph's input, and add up" {
	record_launched -- "$TARGETS/leak" 2000
	local pair
	for pair in live-bytes:live_bytes alloc-count:alloc_count temporary:temporary_count; do
		"$MEMTRACE" report -F folded --weight "${pair%:*}" run.rec >folded.txt
		! grep -vqE '^[^ ].* [0-9]+$' folded.txt || fail "$(grep -vE '^[^ ].* [0-9]+$' folded.txt)"
		[ "$(awk '{ s += $NF } END { print s + 0 }' folded.txt)" = "$(report ".heap.${pair#*:}")" ]
	done
	grep -q 'main;.*remember_session' <("$MEMTRACE" report -F folded run.rec)
}

@test "every format goes live too, and -o is then the report's" {
	local format
	for format in text json pprof folded speedscope dot; do
		timeout 60 "$MEMTRACE" -F $format -o "out.$format" -- "$TARGETS/storm" 1 2000 1 >out 2>err
		[ -s "out.$format" ] || fail "no $format"
	done
	jq -e .heap out.json
	jq -e '."$schema" == "https://www.speedscope.app/file-format-schema.json"' out.speedscope
	gzip -t out.pprof
}

# The npm package speedscope, fetched once; skips the test where it cannot be had.
fetch_speedscope()
{
	require_command node
	require_command npm
	require_command chromium
	[ -d "$ROOT/user/report/html/node_modules/playwright-core" ] || skip "no playwright-core"
	SPEEDSCOPE=$ROOT/build/npm/node_modules/speedscope
	[ -d "$SPEEDSCOPE" ] && return
	timeout 120 npm install --prefix "$ROOT/build/npm" --no-save --no-audit --no-fund \
		--ignore-scripts --loglevel=error speedscope@1.25.0 >npm.out 2>&1 3>&- ||
		skip "npm cannot fetch speedscope"
}

@test "speedscope imports the profile, and shows our numbers" {
	fetch_speedscope
	record_launched -- "$TARGETS/leak" 2000
	"$MEMTRACE" report -F speedscope -o run.speedscope run.rec
	timeout 100 node "$ROOT/tests/e2e/speedscope_import.mjs" "$SPEEDSCOPE" run.speedscope >seen.json 3>&-
	jq -e '.errors == []' seen.json
	jq -e '.title | contains("leak 2000")' seen.json
	jq -e '.rows | map(select(endswith("remember_session"))) | length > 0' seen.json
	local want
	for want in "live blocks$(report .heap.live_count)" "allocations$(report .heap.alloc_count)"; do
		jq -re '.rows[] | gsub(","; "")' seen.json | grep -q "$want\$" || fail "no $want"
	done
}
