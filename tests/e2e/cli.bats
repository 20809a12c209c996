#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# The command line: help, the man page, what is built and how it is installed.
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

# The commands that the help lists.
commands()
{
	"$MEMTRACE" help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p'
}

# The long options that the help of a command names.
options_of_help()
{
	"$MEMTRACE" "$1" --help | grep -oE '(^|[ ,])--[a-z][a-z-]+' | tr -d ' ,' | sort -u
}

@test "--help goes to standard output, with status 0" {
	"$MEMTRACE" --help >out 2>err
	[ -s out ]
	[ ! -s err ]
}

@test "--version tells a version, with status 0" {
	run -0 "$MEMTRACE" --version
	[[ $output == *memtrace* ]]
}

@test "every command and every option of its help is in the man page" {
	local command option missing=
	sed 's/\\-/-/g' "$ROOT/scripts/memtrace.8" >page
	[ "$(commands | wc -l)" -ge 10 ] || fail "$(commands)"
	for command in $(commands); do
		[ "$command" = trace ] || grep -q "memtrace $command" page || missing+=" $command"
		for option in $(options_of_help "$command"); do
			grep -q -- "$option" page || missing+=" $command:$option"
		done
	done
	[ -z "$missing" ] || fail "not in the man page:$missing"
}

@test "each command has a help of its own, in 80 columns, by two ways" {
	local command
	for command in $(commands); do
		"$MEMTRACE" help "$command" >one
		"$MEMTRACE" "$command" --help >other
		[ "$(sed '1d;/^$/,$d' one)" = "$(sed '1d;/^$/,$d' other)" ] || fail "$command differs"
		grep -q "^Usage: memtrace $command" one || fail "$command: $(head -n 1 one)"
		[ "$(grep -c "^  or:  memtrace" one)" = "$(grep -c "^  or:  memtrace $command" one)" ] ||
			fail "$command: usage of others"
		[ "$(cat one other | awk '{ if (length($0) > m) m = length($0) } END { print m }')" -le 80 ]
	done
	[ "$("$MEMTRACE" help | awk '{ if (length($0) > m) m = length($0) } END { print m }')" -le 80 ]
	! "$MEMTRACE" help top | grep -qE -- '--(format|interval|weight|exit-status)' ||
		fail "top offers what it refuses"
	! "$MEMTRACE" help record | grep -qE -- '--(format|interval|weight)' ||
		fail "record offers what it refuses"
}

@test "every format is in the help of -F, in its list, and in the man page" {
	local format
	[ "$("$MEMTRACE" help formats | wc -l)" -ge 9 ]
	for format in $("$MEMTRACE" help formats | awk '{ print $1 }'); do
		"$MEMTRACE" --help | tr -d '\n' | grep -q -- "--format=FORMAT.*$format.*--json" ||
			fail "$format"
		grep -q "^\.BR* $format" "$ROOT/scripts/memtrace.8" || fail "$format"
	done
	run "$MEMTRACE" -F nonsense -- true
	[ "$status" = 2 ]
	[[ $output == *"dot|svg"* ]]
}

@test "unknown words are named, with the remedy" {
	run "$MEMTRACE" recrd
	[ "$status" = 2 ]
	[[ $output == *"unknown command 'recrd'"* ]]
	run "$MEMTRACE" help recrd
	[ "$status" = 2 ]
	[[ $output == *"unknown command 'recrd'"* ]]
	run "$MEMTRACE" completion nosh
	[ "$status" = 2 ]
}

# complete WORD...: what the bash completion offers for the last word, in one line.
complete_words()
{
	bash -c 'eval "$("$0" completion bash)"; compopt() { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _memtrace; echo "${COMPREPLY[*]}"' \
		"$MEMTRACE" "$@"
}

@test "bash completes commands, their options, formats and programs" {
	[ "$(complete_words memtrace rec)" = record ]
	[ "$(complete_words memtrace report --fr)" = --from= ]
	[ "$(complete_words memtrace watch --thr)" = --threshold= ]
	[ -z "$(complete_words memtrace top --form)" ]
	[ "$(complete_words memtrace -F sp)" = speedscope ]
	[ "$(complete_words memtrace contention -F '')" = 'folded pprof speedscope dot html' ]
	[ -z "$(complete_words memtrace contention -F jso)" ]
	[[ " $(complete_words memtrace -- tru) " == *" true "* ]]
	[[ " $(complete_words memtrace -p '') " == *" $$ "* ]]
}

@test "every option that the man page defines is in --help" {
	local option missing=
	for option in $(sed 's/\\-/-/g' "$ROOT/scripts/memtrace.8" |
		sed -n '/^\.SH OPTIONS/,/^\.SH REPORT/p' | grep '^\.B' | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		"$MEMTRACE" --help | grep -q -- "$option" || missing+=" $option"
	done
	[ -z "$missing" ] || fail "not in --help:$missing"
}

@test "the man page formats without a warning, and has an OVERHEAD section" {
	require_command man
	MANROFFOPT='' LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$ROOT/scripts/memtrace.8" \
		>page 2>warnings
	[ ! -s warnings ] || fail "$(cat warnings)"
	grep -q '^OVERHEAD' page
	# A macro of alternating fonts joins its arguments: a sentence must be one of them.
	run ! grep -nE '^\.(BR|RB|BI|IB|IR|RI) .* [),.;:]+ +[a-z]+ +[a-z]+ ' "$ROOT/scripts/memtrace.8"
	grep -q 'EXIT STATUS' page
	MANROFFOPT='' LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 \
		-l "$ROOT/scripts/memtrace-json.5" >page 2>warnings
	[ ! -s warnings ] || fail "$(cat warnings)"
	grep -q '^LOCKS AND WATCH' page
}

@test "--help fits 80 columns" {
	[ "$("$MEMTRACE" --help | awk '{ if (length($0) > m) m = length($0) } END { print m }')" -le 80 ]
}

@test "make install puts the program and its man page under DESTDIR" {
	make -s -C "$ROOT" install DESTDIR="$PWD/root" PREFIX=/usr 3>&-
	[ -x root/usr/bin/memtrace ]
	[ -s root/usr/share/man/man8/memtrace.8 ]
	[ -s root/usr/share/man/man5/memtrace-json.5 ]
	bash -n root/usr/share/bash-completion/completions/memtrace
	[ -s root/usr/share/zsh/site-functions/_memtrace ]
	[ -s root/usr/share/fish/vendor_completions.d/memtrace.fish ]
	root/usr/bin/memtrace --version
}

@test "make static gives one program without dynamic dependencies, which traces" {
	make -s -C "$ROOT" static 3>&-
	local program=$ROOT/build/static/memtrace
	run ldd "$program"
	[[ $output == *"not a dynamic executable"* || $output == *"statically linked"* ]]
	require_tracing
	MEMTRACE=$program trace_launched -- "$TARGETS/storm" 1 5000 1
	expect_totals
}

@test "doctor lists what this kernel allows, in 80 columns" {
	run "$MEMTRACE" doctor
	[ "$status" = 0 ] || [ "$status" = 1 ]
	local word
	for word in BTF ring session multi perf return seccomp iterator CAP_; do
		grep -qi -- "$word" <<<"$output" || fail "nothing about $word: $output"
	done
	[ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' <<<"$output")" -le 80 ]
}

@test "doctor without privileges names the missing capabilities, and fails" {
	require_command setpriv
	[ "$(id -u)" = 0 ] || skip "needs root, to give it up"
	chmod 755 "$BATS_TEST_TMPDIR"
	cp "$MEMTRACE" memtrace
	run setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all ./memtrace doctor
	[ "$status" = 1 ]
	[[ $output == *CAP_BPF* && $output == *CAP_PERFMON* ]]
}

@test "doctor --json is one JSON document" {
	"$MEMTRACE" doctor --json >doctor.json || true
	jq -e 'type == "object"' doctor.json
}
