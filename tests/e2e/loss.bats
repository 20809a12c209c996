#!/usr/bin/env bats
# A number without its loss is a lie.
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

@test "with a tiny ring, seen + lost equals the truth, and the report says so in words" {
	trace_attached --ring-size 4096 -- "$TARGETS/storm" 4 200000 9
	local calls seen lost
	calls=$(($(truth alloc_count) + $(truth free_count) + $(truth untracked_free_count)))
	seen=$(report .events.seen)
	lost=$(report .events.lost)
	[ "$lost" -gt 0 ] || fail "nothing was lost: the test proves nothing"
	[ $((seen + lost)) = $calls ] || fail "$seen seen + $lost lost are not the $calls calls"
	[ "$(report '[.events.lost_by_cause[]] | add')" -ge "$lost" ]
	grep -qi 'lost' out || fail "no word of it in the report"
	grep -q -- '--ring-size' out || fail "no remedy in the report"
}

@test "with nothing lost, the report says so" {
	trace_launched -- "$TARGETS/storm" 1 1000 1
	grep -qiE '(0|nothing|none|no events?) lost|lost:? *(0|nothing|none)' out
}

@test "a ring size that is no size is refused" {
	for size in -1 nonsense 99999999999999999999; do
		run timeout 30 "$MEMTRACE" --ring-size "$size" -- true
		expect_error 2 "ring-size"
	done
}
