#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace order: cycles of locks, on programs that know what is right.
bats_require_minimum_version 1.5.0
load helpers

ORDER_PROGRAM=${TARGETS%/*}/locks/order

setup()
{
	begin_test
	require_tracing
}

teardown()
{
	end_test
}

# trace_case CASE [OPTION]...: writes report.json and out; checks that the program ran to its end.
trace_case()
{
	local case=$1 status=0
	shift
	"$MEMTRACE" order --json=report.json "$@" -- "$ORDER_PROGRAM" "$case" >out 2>err 3>&- || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ] || fail "$case: status $status: $(cat err)"
	grep -q '^done' out || fail "$case did not end as it does by itself: $(cat out err)"
	[ "$(jq '[.losses[]] | add' report.json)" = 0 ] || fail "$case: $(jq -c .losses report.json)"
	[ $((status == 3)) = "$(jq '.deadlocks | length > 0 | if . then 1 else 0 end' report.json)" ] ||
		fail "$case: status $status does not go with the report"
}

# Each case of the program's list that matches the pattern finds as many cycles as are right.
check_cases()
{
	local name cycles found
	while read -r name cycles; do
		[[ $name =~ ^($1)$ ]] || continue
		trace_case "$name" -f
		found=$(jq '.deadlocks | length' report.json)
		[ "$found" = "$cycles" ] || fail "$name: $cycles are right, found $found: $(cat out)"
	done < <("$ORDER_PROGRAM" list)
}

@test "orders of mutexes, with gates, tries and rings of locks" {
	check_cases 'abba|gate|gate-left-open|try|try-held|ring5|twice'
}

@test "readers and writers, spin locks, and mutexes of other kinds" {
	check_cases 'readers|readers-and-writer|read-write|recursive-held|robust|spin'
}

@test "new locks at old addresses, conditions, other threads and processes" {
	check_cases 'reinitialized|reused|stack-reused|stack-lent|condition|handed-over|between-processes'
}

@test "who did not meet and who was alone is told, with both stacks" {
	trace_case apart
	expect '.deadlocks | length' 1
	expect '.deadlocks[0] | [.verdict, .threads_never_met] | tojson' '["threads-never-met",true]'
	grep -q 'never ran at the same time' out
	trace_case alone
	expect '.deadlocks[0] | [.verdict, .one_thread_only, .threads] | tojson' \
		'["too-few-threads-so-far",true,1]'
	expect '[.deadlocks[0].edges[] | .held.name, .acquired.name] | sort | tojson' \
		'["a_lock","a_lock","b_lock","b_lock"]'
	expect '[.deadlocks[0].edges[] | .held_stack[0].function, .acquired_stack[0].function]
		| unique | tojson' '["take_a_then_b","take_b_then_a"]'
	grep -q 'One thread only, so far' out
	run ! grep -nE '.{81}' out
}

@test "what is suppressed is counted, and the command's status is passed on" {
	trace_case abba --suppress='take_b_then*'
	expect '[.suppressed, (.deadlocks | length)] | tojson' '[1,0]'
	run -7 "$MEMTRACE" order --exit-status -- sh -c 'exit 7'
	run -2 "$MEMTRACE" order
	run -2 "$MEMTRACE" order -p 1 -- true
	run -1 "$MEMTRACE" order -p 4194303
	[[ $output == *"4194303"* ]]
}

@test "C++ locks, and musl's" {
	run -3 "$MEMTRACE" order --json=report.json -- "${ORDER_PROGRAM}_cpp"
	expect '[.deadlocks[] | .edges | map(.held.name) | sort] | sort | tojson' \
		'[["audit","ledger"],["audit","rates"]]'
	[ -x "$ORDER_PROGRAM-musl" ] || return 0
	ORDER_PROGRAM+=-musl
	check_cases 'abba|try-held|condition'
}

@test "holds are counted exactly, and waits are no holds" {
	"${TARGETS%/*}/locks/rounds" 8 20 >truth 3>&- &
	local target=$!
	STARTED+=("$target")
	"$MEMTRACE" order -p "$target" --json=report.json >out 2>err 3>&- &
	local tracer=$!
	STARTED+=("$tracer")
	wait_until "$WAIT_SECONDS" grep -q '^attached' err || fail "does not start: $(cat err)"
	kill -USR1 "$target"
	finish "$target" || fail "the target failed"
	finish "$tracer" || fail "memtrace failed: $(cat err)"
	# The holder and the waiter take it in turn; only the one has it for long.
	expect '.locks[] | select(.name == "ledger_lock") | .holds' 16
	expect ".locks[] | select(.name == \"ledger_lock\") | .total_ns | . >= 8 * 20000000" true
	expect '.locks[] | select(.name == "ledger_lock") | [.longest_stack[].function]
		| index("write_ledger") != null' true
	expect '.locks[] | select(.name == "ledger_lock") | .total_ns
		| . < 2 * '"$(jq .mutex_ns truth)" true
}
