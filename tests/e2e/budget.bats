#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# --budget: probes in windows, estimates of the rest, and which blocks stay.
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

# Estimates of jq filter $1 that are farther than four standard errors from what the truth says.
far_from_truth()
{
	jq --slurpfile truth truth.json "[
		.sites[]
		| ([.stack[].function // \"\" | select(test(\"^(site_|forget_)\"))] | .[0]) as \$name
		| select(\$name)
		| \$truth[0][\$name] as \$t
		| $1
		| select((.[0].estimate - .[1] | fabs) > 4 * .[0].standard_error)
	] | length" report.json
}

@test "rates and what stays are near the truth, and a leak among 300 other sites is found" {
	local sites far
	trace_attached --budget 5 -- "$TARGETS/many_sites" 3 1000 1
	mv target.out truth.json
	[ "$(jq .estimated report.json)" = true ]
	[ "$(jq .events.lost report.json)" = 0 ]
	jq -e '.budget.window_count > 0 and .budget.cost_ns > 0 and .budget.percent == 5' report.json
	jq -e '.estimates.survival_known' report.json
	sites=$(jq .site_count report.json)
	[ "$sites" -gt 30 ]
	far=$(far_from_truth '[.alloc_count, $t.count]')
	[ "$far" -le $((sites / 25 + 1)) ] || fail "$far of $sites counts are far from the truth"
	far=$(far_from_truth 'select(.surviving_bytes.estimate > 0) | [.surviving_bytes, $t.live_bytes]')
	[ "$far" -le $((sites / 25 + 1)) ] || fail "$far of $sites bytes that stay are far from the truth"
	# Of all that was sampled, what leaks is whole; the others' blocks come and go.
	jq -e '[.sites[] | select(any(.stack[]; .function == "forget_session"))][0]
		| .surviving_bytes.estimate > 0 and .sampled.still_allocated == .sampled.blocks' report.json
	grep -q 'est\. .* still allocated' out
	grep -q 'the probes cost' out
}

@test "a recording gives the estimates again, and no formats that they cannot fill" {
	trace_attached --budget 5 -o run.mt -- "$TARGETS/many_sites" 1 1000 1
	"$MEMTRACE" report run.mt --json=again.json >text
	jq -e '.estimated and .budget.percent == 5 and .site_count > 0' again.json
	[ "$(jq '[.sites[].seen_count] | add' again.json)" = "$(jq '[.sites[].seen_count] | add' report.json)" ]
	[ "$(jq -c '.estimates.surviving_bytes' again.json)" = "$(jq -c '.estimates.surviving_bytes' report.json)" ]
	run -1 "$MEMTRACE" report run.mt -F folded
	[[ $output == *estimates* ]]
}

@test "what --budget cannot give is refused in words" {
	run -2 "$MEMTRACE" --budget 99 -- true
	[[ $output == *--budget* ]]
	run -2 "$MEMTRACE" --budget 2 -F html -- true
	[[ $output == *estimates* ]]
	run -2 "$MEMTRACE" top --budget 2 -p 1
	[[ $output == *exact* ]]
}
