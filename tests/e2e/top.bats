#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Takes long.
# memtrace top in a real terminal: tmux types, and reads the screen.
load helpers
load locks_helpers

setup()
{
	begin_test
	require_tracing
	require_command tmux
	unset TMUX
	export LC_ALL=C.UTF-8
}

teardown()
{
	tmux kill-server 2>/dev/null || true
	end_test
}

screen()
{
	tmux capture-pane -p
}

shows()
{
	screen | grep -q -- "$1"
}

# expect_screen PATTERN: it comes to be on the screen.
expect_screen()
{
	wait_until 15 shows "$1" || fail "no '$1' on the screen: $(screen)"
}

hides()
{
	! shows "$1"
}

# start_top PID [OPTION]...: a shell of 80x24 that runs memtrace top, in a server of its own: a user's
# sessions are left alone, and no new one meets an old one that is about to end.
start_top()
{
	TMUX_TMPDIR=$(mktemp -d -p "$BATS_TEST_TMPDIR")
	export TMUX_TMPDIR
	tmux -f /dev/null new-session -d -x 80 -y 24 "${SHELL_ENV[@]}" "bash --norc --noprofile"
	tmux send-keys "PS1='shell> '; '$MEMTRACE' top -p $*; echo ended with \$?" Enter
	expect_screen "1 Sites"
}

# A process that allocates and frees, and has some blocks that live.
start_busy()
{
	"$TARGETS/spin" 60 >spin.out 2>&1 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	sleep 0.2
}

# The terminal is as a shell wants it.
expect_clean()
{
	expect_screen "ended with $1"
	[ "$(tmux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ] || fail "the screen is not given back"
	tmux send-keys "clear; stty -a" Enter
	expect_screen " echo "
	expect_screen " icanon"
}

@test "totals, sites and the stack of the selected one fill 80x24" {
	start_busy
	start_top "$TARGET"
	expect_screen "allocs/s"
	expect_screen "0 lost"
	expect_screen "Stack of the selected site"
	expect_screen "measure_pair"
	expect_screen "q quit .* h help"
	[ "$(screen | wc -l)" -eq 24 ]
}

@test "sites are sorted by the column that is chosen" {
	start_busy
	start_top "$TARGET"
	expect_screen "Live▾"
	tmux send-keys ">"
	expect_screen "Growth▾"
	tmux send-keys "r"
	expect_screen "Growth▴"
	tmux send-keys "<" "<"
	expect_screen "At peak▴"
}

@test "the filter keeps the sites with that name" {
	start_busy
	start_top "$TARGET"
	tmux send-keys /
	tmux send-keys measure_p
	expect_screen "filter: measure_p_"
	expect_screen " 1 site,"
	tmux send-keys Enter
	tmux send-keys / xyzzy
	expect_screen "0 sites"
	tmux send-keys Escape
	wait_until 15 hides "filter:"
}

# The first site's growth, its second column, matches.
growths_are()
{
	screen | sed -n 6p | cut -c 11-20 | grep -q -- "$1"
}

@test "the baseline makes growth start from zero" {
	"$TARGETS/leak" 10000000 >leak.out 2>&1 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	start_top "$TARGET"
	expect_screen "remember_session"
	tmux send-keys Space b
	expect_screen "since baseline"
	expect_screen "Growth▾"
	wait_until 15 growths_are " 0 B"
	tmux send-keys Space
	wait_until 15 growths_are "[0-9.]* [KM]iB"
	expect_screen "remember_session" # in the stack of what grows most
}

@test "pause holds the picture" {
	start_busy
	start_top "$TARGET"
	tmux send-keys Space
	expect_screen PAUSED
	local before
	before=$(screen | head -3)
	sleep 2.2
	[ "$(screen | head -3)" = "$before" ]
	tmux send-keys Space
	wait_until 15 hides PAUSED
}

@test "threads are listed with what they allocate" {
	start_busy
	start_top "$TARGET"
	tmux send-keys 2
	expect_screen "$TARGET spin"
	expect_screen "Allocs/s▾"
}

@test "a deadlock is announced and explained" {
	"$LOCK_TARGETS/knots" abba "$BATS_TEST_TMPDIR/knot" >knots.out 2>&1 3>&- &
	TARGET=$!
	STARTED+=("$TARGET")
	wait_until "$WAIT_SECONDS" grep -q verdict knot || fail "the knot is not tied"
	start_top "$TARGET"
	tmux send-keys 3
	expect_screen "deadlocks: 1"
	expect_screen "lock_a"
	expect_screen "DEADLOCK (key 3)"
}

@test "help, and a report written on request" {
	start_busy
	start_top "$TARGET"
	tmux send-keys h
	expect_screen "write a report to a file"
	tmux send-keys h w
	expect_screen "report written to memtrace-$TARGET-1"
	[ -s "$(echo "memtrace-$TARGET-1."*)" ]
}

@test "the picture follows the size of the window" {
	start_busy
	start_top "$TARGET"
	tmux resize-window -x 140 -y 40
	expect_screen "Temporary"
	tmux resize-window -x 60 -y 14
	wait_until 15 hides "Stack of the selected"
	expect_screen "1 Sites"
	tmux resize-window -x 30 -y 8
	expect_screen "window too small"
	tmux resize-window -x 80 -y 24
	expect_screen "Stack of the selected"
}

@test "a small window shows whole figures or none" {
	start_busy
	start_top "$TARGET"
	expect_screen "allocs/s"
	tmux resize-window -x 40 -y 10
	expect_screen "^[0-9.]* [KM]*i*B live in [0-9,]* blocks*\(, peak [0-9.]* [KM]*i*B\)\? *0 lost$"
	tmux send-keys h
	expect_screen "^h or Escape: back$"
}

@test "NO_COLOR takes every colour away, and nothing else" {
	start_busy
	start_top "$TARGET"
	tmux capture-pane -e -p | grep -q $'\033\[[0-9;]*3[0-7]m' || fail "no colours to begin with"
	tmux send-keys q
	expect_clean 0
	tmux kill-server
	SHELL_ENV=(-e NO_COLOR=1)
	start_top "$TARGET"
	expect_screen "measure_pair"
	! tmux capture-pane -e -p | grep -q $'\033\[[0-9;]*[34][0-7]m' || fail "colours"
}

@test "q leaves a clean terminal" {
	start_busy
	start_top "$TARGET"
	tmux send-keys q
	expect_clean 0
}

@test "Ctrl-C leaves a clean terminal" {
	start_busy
	start_top "$TARGET"
	tmux send-keys C-c
	expect_clean 0
}

@test "SIGTERM leaves a clean terminal" {
	start_busy
	start_top "$TARGET"
	kill -TERM "$(pgrep -f "^$MEMTRACE top -p $TARGET")"
	expect_clean 0
}

@test "a crash leaves a clean terminal" {
	start_busy
	start_top "$TARGET"
	kill -SEGV "$(pgrep -f "^$MEMTRACE top -p $TARGET")"
	expect_clean 139
	process_ended "$TARGET" && fail "and took the target with it"
	return 0
}

@test "the end of the process ends top" {
	start_busy
	start_top "$TARGET"
	kill -TERM "$TARGET"
	expect_screen "the process has ended"
	expect_clean 0
}

@test "a terminal that cannot place its cursor is refused" {
	start_busy
	start_top "$TARGET" 2>/dev/null
	tmux send-keys q
	expect_screen "ended with 0"
	tmux send-keys "clear; TERM=dumb '$MEMTRACE' top -p $TARGET; echo ended with \$?" Enter
	expect_screen "cursor can be placed"
	expect_screen "ended with 1"
}

@test "without a terminal it says so" {
	start_busy
	timeout 30 "$MEMTRACE" top -p "$TARGET" >out 2>err </dev/null && fail "it did something"
	grep -q "top needs a terminal" err
}

@test "a command to launch is a usage error" {
	local status=0
	timeout 30 "$MEMTRACE" top -- true 2>err || status=$?
	[ "$status" -eq 2 ]
}
