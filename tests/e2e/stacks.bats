#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Call stacks are exactly what the programs know them to be: every function of theirs that was
# running, in order, and whole to the outermost frame.
load helpers

setup()
{
	begin_test
	require_tracing
	UNWIND_TARGETS=$(dirname "$TARGETS")/unwind
}

teardown()
{
	end_test
}

# trace_known PROGRAM: attaches to a program that writes its own stacks to $TRUTH.
trace_known()
{
	require_file "$UNWIND_TARGETS/$1"
	trace_attached --full-stacks -- "$UNWIND_TARGETS/$1"
}

# expect_known CASES [whole]: each case's site, found by its size, has just the functions of the
# truth, looking only at functions that the truth names; with "whole", no stack ends early.
expect_known()
{
	local wrong
	[ "$(wc -l <"$TRUTH")" -eq "$1" ] || fail "$(wc -l <"$TRUTH") cases instead of $1"
	wrong=$(jq -rn --slurpfile truth "$TRUTH" --slurpfile report report.json --arg whole "${2:-}" '
		($report[0].sites | map({key: (.alloc_bytes | tostring), value: .}) | from_entries)
			as $sites
		| $truth[] | . as $known | $sites[.size | tostring] as $site
		| ([$site.stack[]?.function] | map(select(. as $f | $known.stack | index($f))))
			as $found
		| select($found != .stack or ($whole == "whole" and $site.stack_end != "complete"))
		| "\(.case): \($found) instead of \(.stack), \($site.stack_end)"')
	[ -z "$wrong" ] || fail "$wrong"
	[ "$(jq .events.lost report.json)" -eq 0 ] || fail "events were lost"
}

@test "stacks: frames of all shapes in a PIE" {
	trace_known frames
	expect_known 25 whole
}

@test "stacks: a program at a fixed address" {
	trace_known frames_no_pie
	expect_known 25 whole
}

@test "stacks: a static program" {
	trace_known frames_static
	expect_known 25 whole
}

@test "stacks: a static PIE" {
	trace_known frames_static_pie
	expect_known 25 whole
}

@test "stacks: built with -fcf-protection" {
	trace_known frames_cet
	expect_known 25 whole
}

@test "stacks: built with -O3" {
	trace_known frames_o3
	expect_known 25 whole
}

@test "stacks: built by clang" {
	trace_known frames_clang
	expect_known 25 whole
}

@test "stacks: described in .debug_frame only" {
	trace_known frames_debug_frame
	expect_known 25 whole
}

@test "stacks: of contexts, and of a call through a null pointer" {
	trace_known strays
	expect_known 3 whole
}

@test "stacks: of a program and its threads over musl begin at main and at the thread's function" {
	trace_known frames_musl
	jq -e '[.sites[] | select(any(.stack[]; .function == "main" or .function == "run_thread"))
		| select(any(.stack[]; .function == "raise_signal" or .function == "sort_numbers")
			| not) | .stack_end] | length > 5 and all(. == "complete")' report.json \
		>/dev/null || fail "not all stacks are complete"
}

@test "stacks: C++ exceptions: in destructors, handlers, and after them" {
	trace_known exceptions
	expect_known 5 whole
}

@test "stacks: inside of the loader's lazy binding" {
	trace_known lazy
	expect_known 1 whole
}

@test "stacks: through code made at run time, which is named, also of a process that has ended" {
	require_file "$UNWIND_TARGETS/jit"
	trace_launched --full-stacks -- "$UNWIND_TARGETS/jit"
	rm -f "/tmp/perf-$(report .target.pid).map"
	jq -e '.stacks.guessed_frames > 0 and any(.sites[]; .stack_end == "complete" and
		([.stack[].function | select(. != null)] | index(["allocate", "made_inner", "made_outer",
			"main"])))' report.json >/dev/null || fail "no stack is whole"
}

# expect_made LAST: each of made_0 to made_LAST has its 100 blocks, whose size is its number's.
expect_made()
{
	jq -e --argjson last "$1" '[.sites[] | . as $site | .stack[].function // "" |
		select(startswith("made_")) | {name: ., bytes: $site.alloc_bytes}] | sort_by(.bytes) |
		map(select(.bytes < 200000)) == [range($last + 1) | {name: "made_\(.)",
		bytes: (100000 + 100 * .)}]' report.json >/dev/null ||
		fail "$(jq -c '.sites[] | [.alloc_bytes, [.stack[].function]]' report.json)"
}

@test "stacks: code made at one address again and again has the name of its time" {
	local mode again="$UNWIND_TARGETS/jit_again"
	require_file "$again"
	for mode in append fork inherit; do
		timeout 60 "$MEMTRACE" -f --json=report.json -- "$again" $mode 5 >out 2>err
		expect_made 4
	done
	[ "$(jq '[.sites[] | select(.alloc_bytes == 700000 and
		any(.stack[]; .function == "made_4"))] | length' report.json)" = 1 ] ||
		fail "what a child has from its parent has no name"
	timeout 60 "$MEMTRACE" record -f -o recording -- "$again" append 5 >out 2>err
	timeout 60 "$MEMTRACE" report --json=report.json recording >out 2>err
	expect_made 4
	timeout 60 "$MEMTRACE" -f --json=report.json -- "$again" exec 3 >out 2>err
	expect_made 2
	jq -e 'any(.sites[]; .alloc_bytes == 800000 and
		([.stack[].function // "" | select(startswith("made_"))] == []))' report.json \
		>/dev/null || fail "code of a new program has a name of the old one's"
	# The file that has the name may be gone before it is read: then there is none.
	timeout 60 "$MEMTRACE" -f --json=report.json -- "$again" replace 5 >out 2>err
	jq -e 'all(.sites[]; . as $site | [.stack[].function // "" | select(startswith("made_"))] |
		. == [] or . == ["made_\($site.alloc_bytes / 100 - 1000)"])' report.json >/dev/null ||
		fail "$(jq -c '.sites[] | [.alloc_bytes, [.stack[].function]]' report.json)"
	rm -f /tmp/perf-"$(report .target.pid)".map
}

@test "stacks: a program that memtrace started" {
	require_file "$UNWIND_TARGETS/frames"
	trace_launched --full-stacks -- "$UNWIND_TARGETS/frames"
	expect_known 25 whole
}

@test "stacks: a frame limit cuts stacks and is counted" {
	require_file "$UNWIND_TARGETS/frames"
	trace_launched --full-stacks --max-frames=8 -- "$UNWIND_TARGETS/frames"
	jq -e '.stacks.truncated > 0 and ([.sites[].stack | map(select(.inlined | not)) | length]
		| max) == 8' report.json >/dev/null || fail "no stack was cut at 8 frames"
}

@test "a leak by cgo is one site, with the goroutine's frames" {
	require_command go
	cp "$BATS_TEST_DIRNAME/../targets/go/cgo.go" .
	timeout 150 env HOME="${HOME:-$PWD}" CGO_ENABLED=1 go build -o cgo cgo.go 2>err ||
		fail "$(cat err)"
	timeout 100 "$MEMTRACE" --json=report.json -- ./cgo >out 2>err
	local leak='.sites[] | select(any(.stack[]; .function == "leak_in_c"))'
	[ "$(jq "$leak | .live_count" report.json)" = 1000 ] || fail "$(jq "$leak" report.json)"
	[ "$(jq -r "$leak | [.stack[].function] | join(\" \")" report.json | grep -o 'main\..*')" = \
		'main._Cfunc_leak_in_c main.leakOne main.serve main.main.func1 runtime.goexit' ] ||
		fail "$(jq "$leak | .stack" report.json)"
}
