#!/usr/bin/env bats
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

# The long options that the help names.
options_of_help()
{
	"$MEMTRACE" --help | grep -oE '(^|[ ,])--[a-z][a-z-]+' | tr -d ' ,' | sort -u
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

@test "every option of --help is in the man page" {
	local option missing=
	for option in $(options_of_help); do
		sed 's/\\-/-/g' "$ROOT/scripts/memtrace.8" | grep -q -- "$option" || missing+=" $option"
	done
	[ -z "$missing" ] || fail "not in the man page:$missing"
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
	grep -q 'EXIT STATUS' page
}

@test "--help fits 80 columns" {
	[ "$("$MEMTRACE" --help | awk '{ if (length($0) > m) m = length($0) } END { print m }')" -le 80 ]
}

@test "make install puts the program and its man page under DESTDIR" {
	make -s -C "$ROOT" install DESTDIR="$PWD/root" PREFIX=/usr 3>&-
	[ -x root/usr/bin/memtrace ]
	[ -s root/usr/share/man/man8/memtrace.8 ]
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
