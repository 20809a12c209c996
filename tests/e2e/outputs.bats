#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Where reports and recordings go: never through what another user has planted, never half written,
# readable by their owner only, and into pipes and descriptors as they are.
bats_require_minimum_version 1.5.0
load helpers

setup()
{
	begin_test
}

teardown()
{
	end_test
}

as_nobody()
{
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# A folder that everybody may write to, with a file of root's beside it.
make_shared_folder()
{
	require_tracing
	require_command setpriv
	[ "$(id -u)" = 0 ] || skip "needs root, to have another user plant things"
	chmod 755 "$BATS_TEST_TMPDIR"
	mkdir shared
	chmod 777 shared
	echo secret >victim
	chmod 600 victim
}

expect_victim_unharmed()
{
	[ "$(cat victim)" = secret ] || fail "root's file was written to"
	[ "$(stat -c '%a %U' victim)" = "600 root" ] || fail "root's file has another mode or owner"
}

# expect_own FILE: it is a file of ours alone.
expect_own()
{
	if [ ! -f "$1" ] || [ -L "$1" ]; then fail "$1 is not a file"; fi
	[ "$(stat -c '%a %U %h' "$1")" = "600 root 1" ] || fail "$1: $(stat -c '%a %U %h' "$1")"
	[ -s "$1" ] || fail "$1 is empty"
}

# The ways to have a file written.
OUTPUTS=("--json=%s" "-F folded -o %s" "record -o %s")

# write_to FILE OPTIONS: runs with one of OUTPUTS.
write_to()
{
	# shellcheck disable=SC2046,SC2059 # words and a format are meant
	timeout 30 "$MEMTRACE" $(printf -- "$2" "$1") -- "$TARGETS/storm" 1 100 1 >out 2>err 3>&-
}

@test "a planted link is refused, in the name and on the way to it" {
	make_shared_folder
	local options
	as_nobody ln -s ../victim shared/out
	as_nobody ln -s "$PWD" shared/way
	for options in "${OUTPUTS[@]}"; do
		run write_to shared/out "$options"
		[ "$status" = 1 ] || fail "$options: status $status"
		grep -q 'link that belongs to another user' err || fail "$options: $(cat err)"
		run write_to shared/way/victim "$options"
		[ "$status" = 1 ] || fail "$options: status $status"
		grep -q 'link that belongs to another user' err || fail "$options: $(cat err)"
		expect_victim_unharmed
	done
	[ "$(ls shared)" = "$(printf 'out\nway')" ] || fail "left behind: $(ls shared)"
}

@test "a planted pipe is refused at once" {
	make_shared_folder
	local options
	as_nobody mkfifo shared/out
	for options in "${OUTPUTS[@]}"; do
		run write_to shared/out "$options"
		[ "$status" = 1 ] || fail "$options: status $status"
		grep -q 'another user.s pipe' err || fail "$options: $(cat err)"
	done
}

@test "what is planted while the run lasts is replaced, not written through" {
	make_shared_folder
	local plant
	for plant in "ln -s ../victim" "mkfifo" "touch"; do
		rm -f shared/*
		start_memtrace --json=shared/out -F folded -o shared/other -- sleep 30
		wait_attached
		# shellcheck disable=SC2086
		as_nobody $plant shared/out
		# shellcheck disable=SC2086
		as_nobody $plant shared/other
		stop_memtrace
		expect_own shared/out
		expect_own shared/other
		expect_victim_unharmed
		[ "$(ls shared)" = "$(printf 'other\nout')" ] || fail "left behind: $(ls shared)"
	done
}

@test "another user's file is replaced by our own, and so is a hard link to ours" {
	make_shared_folder
	local options
	for options in "--json=%s" "record -o %s"; do
		rm -f shared/*
		as_nobody sh -c 'umask 0; echo old >shared/out'
		write_to shared/out "$options"
		expect_own shared/out
		rm shared/out
		ln victim shared/out
		write_to shared/out "$options"
		expect_own shared/out
		expect_victim_unharmed
	done
}

@test "our own links are followed, and our own file keeps its mode" {
	make_shared_folder
	local options
	mkdir own
	ln -s "$PWD/own/real" own/link
	for options in "--json=%s" "record -o %s"; do
		rm -f own/real
		write_to own/link "$options"
		expect_own own/real
		[ -L own/link ] || fail "the link was replaced"
		chmod 644 own/real
		write_to own/link "$options"
		[ "$(stat -c %a own/real)" = 644 ] || fail "mode $(stat -c %a own/real)"
	done
}

@test "a run that fails leaves no file behind, and the old one as it was" {
	local options
	mkdir own
	echo old >own/out
	for options in "${OUTPUTS[@]}"; do
		# shellcheck disable=SC2046,SC2059
		run timeout 30 "$MEMTRACE" $(printf -- "$options" own/new) -p 4194000
		[ "$status" = 1 ] || fail "status $status: $output"
		# shellcheck disable=SC2046,SC2059
		run timeout 30 "$MEMTRACE" $(printf -- "$options" own/out) -p 4194000
		[ "$status" = 1 ] || fail "status $status: $output"
		# shellcheck disable=SC2046,SC2059
		run timeout 30 "$MEMTRACE" $(printf -- "$options" own/new) -- "$PWD/none"
		[ "$status" = 1 ] || fail "status $status: $output"
	done
	[ "$(ls own)" = out ] || fail "left behind: $(ls own)"
	[ "$(cat own/out)" = old ]
}

@test "what the caller gives by descriptor is written to: /dev/stdout, /dev/fd/N, a pipe" {
	require_tracing
	local options
	for options in "-F folded -o %s" "record -o %s"; do
		# shellcheck disable=SC2046,SC2059
		"$MEMTRACE" $(printf -- "$options" /dev/stdout) -- sh -c : 2>err | cat >through
		[ -s through ] || fail "nothing through /dev/stdout: $(cat err)"
		# shellcheck disable=SC2046,SC2059
		"$MEMTRACE" $(printf -- "$options" /dev/fd/9) -- sh -c : >out 2>err 9>through
		[ -s through ] || fail "nothing through /dev/fd/9: $(cat err)"
		mkfifo pipe
		cat pipe >through 3>&- &
		STARTED+=($!)
		# shellcheck disable=SC2046,SC2059
		"$MEMTRACE" $(printf -- "$options" pipe) -- sh -c : >out 2>err
		finish $!
		[ -s through ] || fail "nothing through a pipe: $(cat err)"
		[ -p pipe ] || fail "the pipe was replaced"
		rm pipe
	done
	"$MEMTRACE" -F folded -o >(cat >substituted 3>&-) -- sh -c : >out 2>err
	wait_until 5 test -s substituted || fail "nothing through >(...): $(cat err)"
	run "$MEMTRACE" -F folded -o /dev/fd/77 -- true
	[ "$status" = 1 ]
	"$MEMTRACE" -F folded -o /dev/null -- true >out 2>err
	[ -c /dev/null ]
}

@test "a recording stands under its name while it is written" {
	require_tracing
	start_memtrace record -o run.rec -- sleep 30
	wait_attached
	wait_until 5 test -s run.rec
	kill -KILL "$TRACER"
	wait_until 10 process_ended "$TRACER"
	run timeout 30 "$MEMTRACE" report run.rec
	[ "$status" = 0 ] || fail "$output"
	[[ $output == *"not finished"* ]] || fail "$output"
	[ "$(ls run.rec*)" = run.rec ] || fail "left behind: $(ls)"
}

# until_pipe_closes ARG...: memtrace writes into a pipe whose reader takes a byte (a line may be long in
# coming out of a recording).
until_pipe_closes()
{
	timeout 30 "$MEMTRACE" "$@" 2>err 3>&- | head -c 1 >out
	[ "${PIPESTATUS[0]}" = "${WANTED:-0}" ] || fail "status ${PIPESTATUS[0]}: $(cat err)"
}

@test "a closed pipe ends every command cleanly" {
	require_tracing
	start_target "$TARGETS/storm" 1 100 1
	until_pipe_closes -i 0.1 -p "$TARGET"
	[ "$(grep -vc '^attached to' err)" = 0 ] || fail "$(cat err)"
	until_pipe_closes -i 0.1 --json -p "$TARGET"
	until_pipe_closes record -o /dev/stdout -p "$TARGET"
	close_gate
	"$MEMTRACE" record -o run.rec -- "$TARGETS/storm" 1 2000 1 >out 2>err
	until_pipe_closes report -F ndjson run.rec
	[ ! -s err ] || fail "$(cat err)"
	until_pipe_closes report --json run.rec
	[ ! -s err ] || fail "$(cat err)"
	until_pipe_closes diff run.rec run.rec --json
	[ ! -s err ] || fail "$(cat err)"
}
