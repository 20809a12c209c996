#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Takes long.
# The HTML report in a real browser: html_page.mjs has the checks.
load helpers
load locks_helpers

setup()
{
	begin_test
	require_tracing
	require_command node
	require_command chromium
	if [ ! -d "$ROOT/user/report/html/node_modules" ]; then
		skip "no npm packages: no browser can be driven"
	fi
}

teardown()
{
	end_test
}

# make_page [OPTION]... -- COMMAND...: page.html, the report of a run.
make_page()
{
	timeout 60 "$MEMTRACE" -F html -o page.html "$@" >out 2>err || fail "memtrace made no page"
}

# The page of the run of phases, made once for all tests.
phases_page()
{
	local page=$BATS_FILE_TMPDIR/page.html
	if [ ! -e "$page" ]; then
		make_page -- "$TARGETS/phases"
		mv page.html "$page"
	fi
	PAGE=$page
}

# check_page CHECK
check_page()
{
	timeout 60 node "$ROOT/tests/e2e/html_page.mjs" "$PAGE" "$1" ${PICTURES:+"$PICTURES"}
}

@test "a click on a frame zooms, the reset shows all again" {
	phases_page
	check_page zoom
}

@test "the search marks frames and filters the table" {
	phases_page
	check_page search
}

@test "live, peak, allocated, temporary, bytes and count can be switched" {
	phases_page
	check_page switch
}

@test "a range of the plot filters flame graph and table" {
	phases_page
	check_page range
}

@test "the parts of the run add up to the whole" {
	phases_page
	check_page ranges_add_up
}

@test "the table sorts by its columns and opens stacks" {
	phases_page
	check_page sort
}

@test "all of it works from the keyboard" {
	phases_page
	check_page keyboard
}

@test "one thread's blocks can be shown alone" {
	phases_page
	check_page threads
}

@test "the page fits a phone" {
	phases_page
	check_page phone
}

@test "light and dark follow the system, and the button" {
	phases_page
	check_page theme
}

@test "names that look like markup stay text" {
	local program='<img src=x onerror="window.hacked=1">'
	cp "$TARGETS/phases" "$program"
	make_page -- "./$program" '</script><script>window.hacked=1</script>' $'gpj\u202eexe' '\u202e'
	PAGE=page.html check_page hostile
}

@test "what the program mapped itself is a view of its own" {
	make_page -- "$TARGETS/mapped"
	PAGE=page.html check_page mapped
}

@test "losses stand at the top" {
	make_page --ring-size 4K -- "$TARGETS/storm" 4 200000 1
	PAGE=page.html check_page losses
}

@test "a deadlock is drawn" {
	"$LOCK_TARGETS/knots" abba "$BATS_TEST_TMPDIR/knot" >knots.out 2>&1 3>&- &
	STARTED+=($!)
	wait_until "$WAIT_SECONDS" grep -q verdict knot || fail "the knot is not tied"
	timeout 60 "$MEMTRACE" -F html -o page.html -p $! --duration 1 >out 2>err || [ $? = 3 ]
	PAGE=page.html check_page waits
}
