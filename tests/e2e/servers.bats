#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# What a server's owner wants to know: which worker leaks, what grows however slowly, and that a
# trace of days costs what one of minutes does.
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

@test "the worker that leaks comes first, by its PID, and copies by fork are not ranked" {
	local leaky
	trace_launched -f -- "$TARGETS/prefork" 300
	leaky=$(head -n 1 out)
	expect .heap.inherited_count 400
	expect "([.processes[] | select(.heap.at_exit_bytes > 0) | .pid] | sort) ==
		([.target.pid, $leaky] | sort)" true
	expect "[.processes[] | select(.pid == $leaky) | .heap.at_exit_bytes] | add" 60000
	expect '[.sites[] | select(.at_exit_bytes > 0) | .stack[].function |
		select(. == "serve" or . == "load_application")] | join(" ")' 'serve load_application'
	expect '.sites[0].growth.bytes_per_s > 0' true
	expect "[.sites[0].processes[] | select(.at_exit_bytes > 0) | .pid] | join(\" \")" "$leaky"
	grep -A1 '^processes ' out | tail -n 1 | grep -q "^ *$leaky  *prefork .* 58.6 KiB left" ||
		fail "$(grep -A6 '^processes ' out)"
	grep -A2 '^   1 ' out | grep -q "grows .* in $leaky prefork" || fail "$(grep -A4 '^   1 ' out)"
}

@test "what only grows is listed first, however small" {
	trace_launched -- "$TARGETS/slow_leak" 30
	grep -A2 '^   1 ' out | grep -q '^      grows ' || fail "$(grep -A4 '^   1 ' out)"
	expect '.sites[0].alloc_bytes' $((30 * 10 * 48))
	expect '.sites[0].growth.bytes_per_s > 0' true
	# Full caches do not grow.
	expect '[.sites[] | select(.growth)] | length' 1
	"$MEMTRACE" --sort growth -F html -o page.html -- "$TARGETS/slow_leak" 30 >out 2>err
	grep -q remember page.html
}

# cost: kB of memory, descriptors, and BPF maps, programs and links of memtrace.
cost()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/$TRACER/status"
	find "/proc/$TRACER/fd" -mindepth 1 | wc -l
	cat "/proc/$TRACER/fdinfo/"* | grep -cE '^(map_id|prog_id|link_id):'
}

# shellcheck disable=SC2016 # the inner shell's words
@test "ended children leave nothing in memtrace" {
	local before after i slack=(3000 8 8)
	# Each round has children that end, that work, and that execute.
	start_memtrace -f --json=report.json -- bash -c '
		for round in 1 2 3; do
			"$0/children" 300 "ended.$round" && "$0/workers" 20 20 >/dev/null || exit 1
			for i in {1..20}; do /bin/true; done
			touch "round.$round"
			while [ $round != 3 ] && [ ! -e "go.$round" ]; do sleep 0.02; done
		done; touch last; while [ ! -e enough ]; do sleep 0.02; done' "$TARGETS"
	for i in 1 2; do
		wait_until $WAIT_SECONDS test -e "round.$i" || fail "round $i does not end"
		[ $i != 1 ] || { sleep 0.3 && mapfile -t before < <(cost); }
		touch "go.$i"
	done
	wait_until $WAIT_SECONDS test -e last || fail "the last round does not end"
	sleep 0.3
	mapfile -t after < <(cost)
	echo "kB, descriptors, BPF objects: ${before[*]} -> ${after[*]}"
	for i in 0 1 2; do
		[ "${after[i]}" -le $((before[i] + slack[i])) ] || fail "${before[i]} grew to ${after[i]}"
	done
	touch enough
	finish "$TRACER" || fail "memtrace ended with status $?"
	expect '[.events.other_losses[]] | add // 0' 0
	expect '.command_status.exited' 0
	[ "$(wc -l <err)" -lt 4 ] || fail "warnings: $(head -n 5 err)"
}
