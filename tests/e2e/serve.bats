#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# memtrace serve: what it answers, to whom, and for how long.
bats_require_minimum_version 1.5.0
load helpers
load locks_helpers

setup()
{
	begin_test
	require_tracing
	require_command curl
}

teardown()
{
	end_test
}

# serve OPTION...: starts it on a socket of this test's own, and waits until it serves.
serve()
{
	: >err
	SOCKET=$BATS_TEST_TMPDIR/socket
	"$MEMTRACE" serve --listen "unix:$SOCKET" "$@" >out 2>err 3>&- &
	TRACER=$!
	STARTED+=("$TRACER")
	wait_until $WAIT_SECONDS serves || fail "memtrace does not serve"
}

serves()
{
	grep -q '^serving on ' err || process_ended "$TRACER"
	grep -q '^serving on ' err
}

# get PATH [CURL-OPTION]...
get()
{
	curl -sS --max-time 60 --unix-socket "$SOCKET" "http://localhost$1" "${@:2}"
}

# status_of PATH [CURL-OPTION]...
status_of()
{
	get "$1" -o body -w '%{http_code}' "${@:2}"
}

# metric NAME [LABEL]: the value of its first sample with that label.
metric()
{
	get /metrics | awk -v name="$1" -v label="${2:-}" '
		index($1, name) == 1 && substr($1, length(name) + 1, 1) ~ /^({|)$/ &&
			index($0, label) { print $NF; exit }'
}

metric_is()
{
	[ "$(metric "$1" "$3")" = "$2" ]
}

@test "the metrics are what the target says it did, in both formats" {
	start_target "$TARGETS/storm" 4 10000 1
	serve -p "$TARGET"
	open_gate
	local allocations
	allocations=$(jq -s 'map(.alloc_count) | add' truth)
	wait_until $WAIT_SECONDS metric_is memtrace_heap_allocations_total "$allocations" "pid=\"$TARGET\"" ||
		fail "$(metric memtrace_heap_allocations_total) allocations, not $allocations"
	[ "$(metric memtrace_events_lost_total 'cause="ring_full"')" = 0 ]
	get /metrics >older
	[ "$(tail -n 1 older)" = "# EOF" ]
	grep -q '^# TYPE memtrace_events_lost_total counter' older
	if command -v promtool >/dev/null; then
		promtool check metrics <older
	fi
	# What the alerts and the dashboard ask for, there is.
	local name
	for name in $(grep -ohE 'memtrace_[a-z_]+' "$ROOT"/scripts/sidecar/{alerts.yaml,dashboard.json} | sort -u); do
		grep -q "^# TYPE $name " older || fail "no metric $name"
	done
	get /metrics -H 'Accept: application/openmetrics-text; version=1.0.0' -D headers >newer
	grep -qi '^content-type: application/openmetrics-text' headers
	grep -q '^# TYPE memtrace_events_lost counter' newer
	close_gate
	# It keeps its last numbers.
	wait_until $WAIT_SECONDS metric_is memtrace_process_running 0 "pid=\"$TARGET\"" || fail "it still runs"
	metric_is memtrace_heap_allocations_total "$allocations" "pid=\"$TARGET\""
	stop_memtrace TERM
	[ ! -e "$SOCKET" ]
}

@test "reports and profiles are those of the other commands; the rest is answered in words" {
	"$TARGETS/leak" 100000000 >target.out 2>&1 3>&- &
	STARTED+=($!)
	serve -p $!
	get /report.json >report.json
	jq -e '.sites | map(.stack[]?.function) | index("remember_session")' report.json >/dev/null ||
		fail "the report lacks a site"
	get /report | grep -q '<html'
	get '/debug/pprof/heap' >heap.pb
	get '/debug/pprof/allocs?seconds=1' >allocs.pb
	get '/debug/pprof/mutex' | gunzip | grep -q contentions
	if command -v go >/dev/null; then
		go tool pprof -top heap.pb 2>/dev/null | grep -q copy_text || fail "no copy_text"
		go tool pprof -top allocs.pb 2>/dev/null | grep -q render_page || fail "no render_page"
	fi
	get /locks | jq -e '.deadlocks == []' >/dev/null
	get /heap | jq -e '.heap.live_count > 0' >/dev/null
	get / | grep -q 'href="/debug/pprof/heap"'
	get /debug/pprof/ | grep -q 'href="/debug/pprof/allocs"'
	[ "$(get /healthz)" = ok ]
	[ "$(get /readyz)" = ready ]
	[ "$(status_of /nowhere)" = 404 ]
	[ "$(status_of '/debug/pprof/heap?seconds=99999')" = 400 ]
	[ "$(status_of '/heap?pid=1')" = 404 ]
	[[ $(status_of /metrics -X POST -d x) =~ ^(405|501)$ ]]
	[ "$(status_of /metrics -I)" = 200 ]
	stop_memtrace TERM
}

@test "a token is asked for, and read anew at SIGHUP" {
	echo 'the first' >token
	run -1 "$MEMTRACE" serve --listen "unix:$PWD/socket" -p $$ --token-file token
	[[ $output == *"letters, digits and punctuation"* ]]
	echo first-token >token
	serve -p $$ --token-file token
	[ "$(status_of /metrics)" = 401 ]
	[ "$(status_of /nowhere)" = 401 ]
	[ "$(status_of /healthz)" = 200 ]
	[ "$(status_of / -H 'Authorization: Bearer first-tokem')" = 401 ]
	[ "$(status_of / -H 'Authorization: Bearer first-token')" = 200 ]
	echo second-token >token
	kill -HUP "$TRACER"
	wait_until $WAIT_SECONDS grep -q 'read the token' err
	[ "$(status_of / -H 'Authorization: Bearer first-token')" = 401 ]
	[ "$(status_of / -H 'Authorization: Bearer second-token')" = 200 ]
	stop_memtrace TERM
}

@test "processes that match come and go; a deadlock is told" {
	cp "$TARGETS/storm" ./served_storm
	serve --comm served_storm --comm knots
	start_target "$PWD/served_storm" 2 1000 1
	wait_until $WAIT_SECONDS metric_is memtrace_process_running 1 "pid=\"$TARGET\"" || fail "not attached"
	[ "$(metric memtrace_deadlocks)" = 0 ]
	HUNG=$PWD hang abba "$LOCK_TARGETS/knots" abba "$PWD/abba"
	HUNG=$PWD wait_hung abba
	wait_until $WAIT_SECONDS metric_is memtrace_deadlocks 1 || fail "no deadlock: $(get /locks)"
	get /locks | jq -e '.deadlocks[0].verdict == "DEADLOCK"' >/dev/null
	grep -q 'DEADLOCK' err
	open_gate
	close_gate
	wait_until $WAIT_SECONDS metric_is memtrace_process_running 0 "pid=\"$TARGET\"" || fail "not gone"
	HUNG=$PWD end_hung
	stop_memtrace TERM
}

@test "slow clients and garbage neither keep others from an answer nor lose an event" {
	start_target "$TARGETS/storm" 4 20000 1
	serve -p "$TARGET"
	python3 - "$SOCKET" <<-'EOF' 3>&- &
		import os, socket, sys, time
		slow = []
		for i in range(200):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    s.sendall([b"GET /metr", b"GET /report HTTP/1.1\r\n\r\n", b"\x00\xff" * 100][i % 3])
		    slow.append(s)
		for i in range(50):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    try:
		        s.sendall(os.urandom(200 << 10))
		    except OSError:
		        pass
		    s.close()
		open("bothered", "w").close()
		time.sleep(60)
	EOF
	STARTED+=($!)
	wait_until $WAIT_SECONDS test -e bothered
	open_gate
	[ "$(status_of /healthz)" = 200 ]
	local allocations
	allocations=$(jq -s 'map(.alloc_count) | add' truth)
	wait_until $WAIT_SECONDS metric_is memtrace_heap_allocations_total "$allocations" "pid=\"$TARGET\"" ||
		fail "$(metric memtrace_heap_allocations_total) allocations, not $allocations"
	[ "$(metric memtrace_events_lost_total 'cause="ring_full"')" = 0 ]
	close_gate
	stop_memtrace TERM
}

# kilobytes KEY: of what memtrace's process has.
kilobytes()
{
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$TRACER/status"
}

@test "what is resident stays below the limit, and what finds no room is counted" {
	local name total=40000
	start_target "$TARGETS/many_stacks" $total
	serve -p "$TARGET" --memory-limit 48M
	open_gate
	wait_until $WAIT_SECONDS metric_is memtrace_heap_allocations_total $total "pid=\"$TARGET\"" ||
		fail "$(metric memtrace_heap_allocations_total) allocations"
	for name in report report.json debug/pprof/heap debug/pprof/allocs heap locks; do
		[ "$(status_of "/$name")" = 200 ] || fail "/$name: $(cat body)"
	done
	[ "$(kilobytes VmHWM)" -le $((48 * 1024 * 11 / 10)) ] || fail "$(kilobytes VmHWM) kB were resident"
	[ "$(metric memtrace_stacks_folded_total)" -gt $((total / 2)) ]
	[ "$(metric memtrace_heap_allocations_total)" = $total ]
	# A block is followed, or counted as one that is not.
	[ $(($(metric memtrace_heap_live_objects) + $(metric memtrace_blocks_unfollowed_total))) = $total ]
	get /report.json | jq -e '[.sites[] | select(.unknown) | .alloc_count] | add > '$((total / 2)) >/dev/null ||
		fail "the rest is not added up"
	close_gate
	run -2 "$MEMTRACE" serve -p $$ --memory-limit 47M
	[[ $output == *"48M or more"* ]]
	stop_memtrace TERM
}

# sent FILTER: what a jq filter makes of all messages that the collector took.
sent()
{
	[ -s received ] && jq -s "map(select(.status == 200)) | $1" received
}

all_is_sent()
{
	[ "$(sent 'map(.profiles.alloc_objects.sum // 0) | add')" = "$1" ]
}

@test "metrics and profiles are sent to a collector, which may be absent, busy or unwilling for a while" {
	run -2 "$MEMTRACE" serve -p $$ --otlp https://localhost
	[[ $output == *"TLS is not spoken"* ]]
	# Of the first two messages each is to be repeated once; the third, metrics, is refused.
	python3 "$ROOT/tests/e2e/otlp_receiver.py" received 503,200,429,200,400 >port 2>receiver.err 3>&- &
	STARTED+=($!)
	wait_until $WAIT_SECONDS test -s port || fail "$(cat receiver.err)"
	start_target "$TARGETS/many_stacks" 100
	serve -p "$TARGET" --otlp "http://127.0.0.1:$(cat port)" --otlp-interval 1s
	open_gate
	wait_until $WAIT_SECONDS all_is_sent 100 || fail "$(sent 'map(.profiles.alloc_objects.sum)')"
	run ! grep -q '"error"' received
	[ "$(jq -r .type received | sort -u)" = application/x-protobuf ]
	[ "$(sent 'last.resource | [."process.pid", ."service.name"] | join(" ")')" = "\"$TARGET many_stacks\"" ]
	# What the sums of all are, each stack was once.
	sent 'map(.profiles.alloc_objects.stacks // []) | add | map((.frames | index("allocate")) != null and .value == 1) | all' |
		grep -q true || fail "stacks: $(sent 'map(.profiles.alloc_objects.stacks // []) | add | .[0]')"
	[ "$(sent 'map(.profiles.inuse_space // empty) | last | .sum')" = 1600 ]
	[ "$(jq -s '.[0].status, .[2].status' received | paste -sd' ')" = "503 429" ]
	jq -se '.[0].metrics == .[1].metrics' received >/dev/null || fail "not the same message again"
	wait_until $WAIT_SECONDS metric_is memtrace_otlp_lost_total 1 'cause="refused"' || fail "nothing is refused"
	[ "$(metric memtrace_otlp_failures_total)" = 2 ]
	[ "$(metric memtrace_otlp_lost_total 'cause="queue_full"')" = 0 ]
	grep -q 'does not take what is sent: it answers with status 400' err
	close_gate
	stop_memtrace TERM
}

# as_nobody CAPABILITIES COMMAND...: with these alone, "bpf,perfmon".
as_nobody()
{
	local list=+${1//,/,+}
	setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all,$list --inh-caps=-all,$list \
		--ambient-caps=-all,$list "${@:2}"
}

@test "without root, with its capabilities alone; one that is missing is named" {
	[ "$(id -u)" = 0 ] || skip "needs root, to become somebody else"
	local folder all=bpf,perfmon,sys_ptrace,dac_read_search
	as_nobody $all true || skip "setpriv does not know these capabilities"
	folder=$(mktemp -d)
	cp "$MEMTRACE" "$folder/memtrace"
	chmod -R a+rx "$folder"
	chown 65534 "$folder"
	start_target "$TARGETS/storm" 2 1000 1
	local missing
	for missing in bpf perfmon sys_ptrace; do
		as_nobody "$(tr , '\n' <<<$all | grep -v "^$missing$" | paste -sd,)" "$folder/memtrace" serve \
			--listen "unix:$folder/socket" -p "$TARGET" >out 2>&1 && fail "it serves without $missing"
		grep -qi "missing.* CAP_$missing" out || fail "$missing is not named: $(cat out)"
	done
	: >err
	as_nobody $all "$folder/memtrace" serve --listen "unix:$folder/socket" -p "$TARGET" >out 2>err 3>&- &
	TRACER=$!
	STARTED+=("$TRACER")
	wait_until $WAIT_SECONDS serves || fail "it does not serve"
	grep -q "^attached to $TARGET " err
	# Itself, not the shell that started it.
	TRACER=$(pgrep -f "^$folder/memtrace serve")
	STARTED+=("$TRACER")
	SOCKET=$folder/socket
	open_gate
	wait_until $WAIT_SECONDS metric_is memtrace_heap_allocations_total "$(jq -s 'map(.alloc_count) | add' truth)" \
		"pid=\"$TARGET\"" || fail "allocations are missing"
	# What it does not need it has given up, and cannot get back.
	grep -q '^NoNewPrivs:.*1' "/proc/$TRACER/status"
	grep -q '^Seccomp:.*2' "/proc/$TRACER/status"
	close_gate
	kill -TERM "$TRACER"
	wait_until $WAIT_SECONDS process_ended "$TRACER" || fail "it does not end"
	rm -rf "$folder"
}
