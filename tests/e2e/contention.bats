#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace contention: waits for locks, compared with what the target measured itself.
bats_require_minimum_version 1.5.0
load helpers

ROUNDS_PROGRAM=${TARGETS%/*}/locks/rounds

setup()
{
	begin_test
	require_tracing
}

teardown()
{
	end_test
}

# start_rounds ROUNDS HOLD_MS: the target, which waits for SIGUSR1. Sets TARGET.
start_rounds()
{
	"$ROUNDS_PROGRAM" "$@" >truth 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
}

# start_tracing [OPTION]...: in the background. Sets TRACER.
start_tracing()
{
	"$MEMTRACE" contention "$@" >out 2>err 3>&- &
	TRACER=$!
	STARTED+=("$TRACER")
	wait_until "$WAIT_SECONDS" grep -q '^tracing' err || fail "does not start: $(cat err)"
}

# Runs the target to its end, and the tracer to its own.
run_rounds()
{
	kill -USR1 "$TARGET"
	finish "$TARGET" || fail "the target failed"
	finish "$TRACER" || fail "memtrace failed: $(cat err)"
}

truth()
{
	jq -r ".$1" truth
}

# lock NAME: jq's path to that lock.
lock()
{
	echo ".locks[] | select(.name == \"$1\")"
}

# held_in LOCK FUNCTION: jq's path to the numbers of waits that are put down to that function.
held_in()
{
	echo "$(lock "$1") | .holders[] | select([.stack[]?.function] | index(\"$2\")) | .waits"
}

# expect_near JQ NS: within 5 %.
expect_near()
{
	expect "($1) | . >= 0.95 * $2 and . <= 1.05 * $2" true
}

# Whether a thread of the target is in a futex call.
waits_for_lock()
{
	cat "/proc/$TARGET/task/"*/syscall | grep -q '^202 '
}

@test "waits are counted exactly, timed within 5 %, and the holder is known" {
	start_rounds 12 20
	start_tracing -p "$TARGET" --json=report.json
	run_rounds
	expect '.waits_seen' 36
	expect '[.losses[]] | add' 0
	expect "$(lock ledger_lock) | [.kind, .waits, .threads, .ranked] | tojson" '["mutex",12,1,true]'
	expect "$(lock index_lock) | [.kind, .waits, .threads, .ranked] | tojson" '["rwlock-read",12,1,true]'
	expect "$(lock queue_filled) | [.kind, .waits, .ranked] | tojson" '["condition",12,false]'
	expect_near "$(lock ledger_lock) | .total_ns" "$(truth mutex_ns)"
	expect_near "$(lock index_lock) | .total_ns" "$(truth read_ns)"
	expect_near "$(lock queue_filled) | .total_ns" "$(truth condition_ns)"
	expect_near "$(lock ledger_lock) | .max_ns" "$(truth mutex_max_ns)"
	# Conditions are in no total.
	expect '.contention.waits' 24
	expect ".threads[] | select(.tid == $(truth holder)) | .held_waits" 24
	expect ".threads[] | select(.tid == $(truth waiter)) | .waits" 24
	expect "[$(lock ledger_lock) | .waiters[].stack[].function] | any(. == \"read_ledger\")" true
	expect "[$(held_in ledger_lock write_ledger)] | add >= 12 * 0.95" true
	expect "[$(held_in index_lock write_index)] | add >= 12 * 0.95" true
	expect '(.waiting_functions | map(.own_ns) | add) == .contention.total_ns' true
	# shellcheck disable=SC2016 # jq's variable
	expect '.contention.total_ns as $all | .waiting_functions[]
		| select(.function == "run_waiter") | .inclusive_ns == $all' true
	expect "$(lock ledger_lock) | .histogram | add" 12
}

@test "a holder that was preempted anywhere in its code is known" {
	"${ROUNDS_PROGRAM%/*}/preempted" 60 >truth 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	start_tracing -p "$TARGET" --json=report.json
	run_rounds
	expect "$(lock desk_lock) | .waits >= 50" true
	expect '.losses.stacks_cut' 0
	expect "($(lock desk_lock) | .waits) as \$all
		| [$(held_in desk_lock hold_busily)] | add >= 0.95 * \$all" true
}

@test "the text has 80 columns, and what is not contention apart" {
	start_rounds 3 5
	start_tracing -p "$TARGET"
	run_rounds
	grep -q '^not ranked  condition: 3 waits' out
	grep -q '^  [12]  mutex ledger_lock (rounds) at 0x' out
	grep -q '^        write_ledger  rounds.c:' out
	run ! grep -q 'queue_filled' out
	run ! grep -nE '.{81}' out
}

# One run whose waits are kept, for the tests of what can be made of them: sets KEPT and its JSON.
kept_waits()
{
	KEPT=$BATS_FILE_TMPDIR/waits
	[ ! -e "$KEPT" ] || return 0
	start_rounds 3 10
	start_tracing -p "$TARGET" --json="$KEPT.json" -o "$KEPT"
	run_rounds
}

# sum_folded FILE: what its stacks add up to.
sum_folded()
{
	awk '{ sum += $NF } END { printf "%d", sum }' "$1"
}

@test "what was kept gives every format, of waiters and of holders, with the same time" {
	kept_waits
	local total
	total=$(jq .contention.total_ns "$KEPT.json")
	"$MEMTRACE" report "$KEPT" --json | cmp - "$KEPT.json"
	"$MEMTRACE" report "$KEPT" >out
	grep -q '^  [12]  mutex ledger_lock (rounds) at 0x' out
	"$MEMTRACE" report "$KEPT" -F folded >folded
	[ "$(sum_folded folded)" = "$total" ]
	grep -q ';read_ledger ' folded
	"$MEMTRACE" report "$KEPT" -F folded --holders >folded
	[ "$(sum_folded folded)" = "$total" ]
	grep -q ';write_ledger;' folded
	"$MEMTRACE" report "$KEPT" -F dot >waits.dot
	dot -Tsvg waits.dot | grep -q read_index
	"$MEMTRACE" report "$KEPT" -F speedscope -o waits.speedscope
	[ "$(jq '[.profiles[] | select(.unit == "nanoseconds") | .weights[]] | add' waits.speedscope)" = "$total" ]
	jq -e '[.shared.frames[].name] | index("read_index") != null' waits.speedscope
	run -1 "$MEMTRACE" report "$KEPT" -F svg
	run -1 "$MEMTRACE" report "$KEPT" --from 1
}

@test "go tool pprof opens the profile, and has our numbers" {
	require_command go
	kept_waits
	"$MEMTRACE" report "$KEPT" -F pprof -o profile.pb.gz
	HOME=$PWD go tool pprof -symbolize=none -raw profile.pb.gz >raw 2>err || fail "$(cat err)"
	grep -q '^contentions/count delay/nanoseconds' raw
	# "  count ns: locations" for each stack.
	local total
	total=$(awk '/^Locations/ { exit } / +[0-9]+ +[0-9]+: / { count += $1; sum += $2 }
		END { printf "%d %d", count, sum }' raw)
	[ "$total" = "$(jq -r '.contention | "\(.waits) \(.total_ns)"' "$KEPT.json")" ]
	HOME=$PWD go tool pprof -symbolize=none -top -sample_index=contentions profile.pb.gz 2>/dev/null >top
	grep -qE '^ +3 .* 3 .*read_ledger$' top
	"$MEMTRACE" report "$KEPT" -F pprof --holders -o profile.pb.gz
	HOME=$PWD go tool pprof -symbolize=none -traces profile.pb.gz 2>/dev/null | grep -q write_index
}

@test "diff of two profiles tells what is waited for more" {
	kept_waits
	jq '.duration_ns *= 2' "$KEPT" >slower
	"$MEMTRACE" diff slower "$KEPT" >out
	grep -qE '^ +\+.*/s  mutex ledger_lock \(rounds\)$' out
	grep -qE '^ +\+.*/s .*  read_index$' out
	run ! grep -nE '.{81}' out
	"$MEMTRACE" diff "$KEPT" slower | grep -qE '^ +-.*/s  mutex ledger_lock \(rounds\)$'
	"$MEMTRACE" diff slower "$KEPT" --json=report.json
	expect '.before.total_ns == .after.total_ns and .before.duration_ns == 2 * .after.duration_ns' true
	expect '.locks[] | select(.name == "ledger_lock") | [.before.waits, .after.waits] | tojson' '[3,3]'
	echo '{"version": 1, "profile": "contention"' >broken
	run -1 "$MEMTRACE" diff slower broken
	[[ $output == *"broken is not a profile of contention"* ]]
}

@test "the page has both sides, each lock, and tables" {
	require_command node
	require_command chromium
	[ -d "$ROOT/user/report/html/node_modules" ] || skip "no npm packages: no browser can be driven"
	kept_waits
	"$MEMTRACE" report "$KEPT" -F html -o page.html
	timeout 60 node "$ROOT/tests/e2e/html_page.mjs" page.html contention ${PICTURES:+"$PICTURES"}
}

@test "processes by name; waits under way at the start and at the end are told" {
	start_rounds 50 100000
	start_tracing --comm rounds --json=report.json
	kill -USR1 "$TARGET"
	wait_until "$WAIT_SECONDS" waits_for_lock || fail "nobody waits"
	kill -INT "$TRACER"
	finish "$TRACER" || fail "memtrace failed: $(cat err)"
	expect "$(lock ledger_lock) | [.waits, .open_at_begin, .open_at_end, .pid] | tojson" "[0,0,1,$TARGET]"
	start_tracing -p "$TARGET" --json=report.json -d 100ms
	finish "$TRACER" || fail "memtrace failed: $(cat err)"
	expect "$(lock ledger_lock) | [.waits, .open_at_begin, .open_at_end] | tojson" '[0,1,0]'
}

# start_scope NAME OPTION...: a tracer of its own, whose report is NAME.json. Adds to TRACERS.
start_scope()
{
	local name=$1
	shift
	"$MEMTRACE" contention "$@" --json="$name.json" >out 2>"$name.err" 3>&- &
	TRACERS+=($!)
	STARTED+=($!)
	SCOPES+=("$name")
}

# Makes a control group with TARGET in it, and sets GROUP; fails where that is not possible.
make_group()
{
	local root=/sys/fs/cgroup/unified
	[ -e $root/cgroup.procs ] || root=/sys/fs/cgroup
	mkdir "$root/memtrace-waits-$$" 2>/dev/null || return
	if ! echo "$TARGET" >"$root/memtrace-waits-$$/cgroup.procs"; then
		rmdir "$root/memtrace-waits-$$"
		return 1
	fi
	GROUP=$root/memtrace-waits-$$
}

# Code is read when a process first waits: what was guessed until then is told apart, or put to its lock.
@test "by name and by control group: all waits, and no condition is ranked" {
	local GROUP="" SCOPES=() TRACERS=() scope tracer
	start_rounds 40 5
	start_scope comm --comm rounds
	! make_group || start_scope cgroup --cgroup "$GROUP"
	for scope in "${SCOPES[@]}"; do
		wait_until "$RUN_SECONDS" grep -q '^tracing' "$scope.err" || fail "$scope: $(cat "$scope.err")"
	done
	kill -USR1 "$TARGET"
	finish "$TARGET" || fail "the target failed"
	kill -INT "${TRACERS[@]}"
	for tracer in "${TRACERS[@]}"; do
		finish "$tracer" || fail "memtrace failed: $(cat ./*.err)"
	done
	[ -z "$GROUP" ] || rmdir "$GROUP"
	for scope in "${SCOPES[@]}"; do
		mv "$scope.json" report.json
		expect "[.locks[] | select(.pid == $TARGET)
			| select(.name == \"ledger_lock\" or .name == \"index_lock\") | .waits] | tojson" '[40,40]'
		expect "[.locks[] | select(.pid == $TARGET and .ranked) | .kind] | sort | tojson" \
			'["mutex","rwlock-read"]'
		expect '[.losses | to_entries[] | select(.key | startswith("waits")) | .value] | add' 0
	done
}

@test "what cannot be traced is said" {
	run -2 "$MEMTRACE" contention
	run -2 "$MEMTRACE" contention -p 1 --all
	run -2 "$MEMTRACE" contention -p 1 --kind spoon
	run -1 "$MEMTRACE" contention -p 4194303
	[[ $output == *"4194303"* ]]
}
