#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# What a Python developer reads: sites named by the application's lines, in every format. One run is
# recorded; all reports are of the recording.
bats_require_minimum_version 1.5.0
load helpers

PYTHON=/usr/bin/python3

setup_file()
{
	begin_test
	[ "$CAN_TRACE" = yes ] || return 0
	PROGRAM=${TARGETS%/*}/python/orders.py
	export RECORDING=$BATS_FILE_TMPDIR/orders.rec
	timeout $RUN_SECONDS "$MEMTRACE" -o "$RECORDING" -- "$PYTHON" "$PROGRAM" >"$BATS_FILE_TMPDIR/out" \
		2>"$BATS_FILE_TMPDIR/err" || fail "$(cat "$BATS_FILE_TMPDIR/err")"
}

setup()
{
	begin_test
	require_tracing
	require_file "$PYTHON"
	PROGRAM=${TARGETS%/*}/python/orders.py
}

teardown()
{
	end_test
}

# report FORMAT [OPTION]...
report()
{
	timeout $RUN_SECONDS "$MEMTRACE" report -F "$@" "$RECORDING"
}

# line_of FUNCTION: the line of orders.py behind its def
line_of()
{
	echo $(($(grep -n "^def $1()" "$PROGRAM" | cut -d : -f 1) + 1))
}

@test "two Python functions of one native path are two sites, each exact" {
	report json >report.json
	for each in "keep 5000 5000" "scratch 20000 0"; do
		read -r function allocs live <<<"$each"
		jq -r --arg f "$function" '[.sites[] | select([.stack[] | select(.language == "python")][0].function == $f)
			| select(.stack[] | .function == "PyByteArray_Resize")]
			| "\(length) \(map(.alloc_count) | add) \(map(.live_count) | add) \(
				[.[0].stack[] | select(.language == "python")][0] | .line)"' report.json >found
		[ "$(cat found)" = "1 $allocs $live $(line_of "$function")" ] || fail "$function: $(cat found)"
	done
}

@test "the first screen names sites by the application's innermost line, what is native after it" {
	report text >text
	grep -A 3 '^ *1  .*live' text >first
	grep -Eq "^ +keep +orders.py:$(line_of keep)$" first || fail "$(cat text)"
	grep -Eq '^ +\(native: python3[.0-9]*\) PyByteArray_Resize' first || fail "$(cat text)"
	# Inside the standard library: by the line that called it, and then what it called.
	grep -A 1 -E "^ +parse +orders.py:$(line_of parse)" text >second
	grep -Eq '^ +\(native: _json\).* called by loads  json/__init__.py:[0-9]+$' second ||
		fail "$(cat text)"
}

@test "folded stacks, speedscope and pprof have Python's functions, files and lines" {
	local line
	line=$(line_of keep)
	report folded >folded
	grep -Eq ";serve \(orders.py:[0-9]+\);keep \(orders.py:$line\);" folded || fail "$(head folded)"
	report speedscope -o speedscope.json
	[ "$(jq --argjson line "$line" '[.shared.frames[] | select(.name == "keep" and .line == $line
		and (.file | endswith("orders.py")))] | length' speedscope.json)" -eq 1 ]
	report pprof -o profile
	require_command go
	go tool pprof -traces -lines -sample_index=inuse_objects profile >traces 2>err || fail "$(cat err)"
	grep -Eq "^ +5000 +.*PyByteArray_Resize|keep .*orders.py:$line" traces || fail "$(head -30 traces)"
	grep -Eq "keep .*orders.py:$line" traces || fail "$(head -30 traces)"
	grep -Eq "parse .*orders.py:$(line_of parse)" traces || fail "$(head -30 traces)"
}

@test "the page's flame graph hides native frames, Python's, or those of the import system" {
	require_command node
	require_command chromium
	[ -d "$ROOT/user/report/html/node_modules" ] || skip "no npm packages: no browser can be driven"
	report html -o page.html
	timeout 60 node "$ROOT/tests/e2e/html_page.mjs" "$PWD/page.html" python
}

@test "--python-allocator sees each object once, in the line that made it; without it, only arenas" {
	local objects=${PROGRAM%/*}/objects.py line
	line=$(grep -n 'Point(number)' "$objects" | cut -d : -f 1)
	timeout $RUN_SECONDS "$MEMTRACE" --python-allocator --json=report.json -- "$PYTHON" "$objects" >out 2>err ||
		fail "$(cat err)"
	[ "$(grep -c . out)" -gt 0 ]
	# The instances, and few blocks of the interpreter's own.
	jq --argjson line "$line" '[.sites[] | select([.stack[] | select(.language == "python")][0] | .line == $line)
		| .live_count] | add' report.json >count
	[ "$(cat count)" -ge 20000 ] && [ "$(cat count)" -lt 20100 ] || fail "$(cat count)"
	[ "$(jq '[.sites[] | select(any(.stack[]; .function == "_PyObject_Arena"))] | length' report.json)" -eq 0 ]
	timeout $RUN_SECONDS "$MEMTRACE" --json=report.json -- "$PYTHON" "$objects" >out 2>err || fail "$(cat err)"
	jq --argjson line "$line" '[.sites[] | select([.stack[] | select(.language == "python")][0] | .line == $line)
		| .live_count] | add // 0' report.json >count
	[ "$(cat count)" -lt 100 ] || fail "$(cat count)"
}

@test "--python-allocator is refused where objects would stay unseen" {
	"$PYTHON" -c 'import time; print("ready", flush=True); time.sleep(60)' >ready 3>&- &
	STARTED+=($!)
	wait_until $WAIT_SECONDS grep -q ready ready
	run ! "$MEMTRACE" --python-allocator -d 1 -p "${STARTED[0]}"
	[[ $output == *"PYTHONMALLOC=malloc"* ]]
	PYTHONMALLOC=debug run ! "$MEMTRACE" --python-allocator -- "$PYTHON" -c pass
	[[ $output == *"malloc_debug"* ]]
}
