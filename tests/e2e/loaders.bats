#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Programs of another root bring a loader and a C library that no process had before them. They are
# exact from their constructors on, however they are executed.
load helpers

setup()
{
	begin_test
	require_tracing
	LOADER=$(ldd /bin/sh | grep -o '/[^ ]*/ld-linux[^ ]*')
	LIBC=$(ldd /bin/sh | grep -o '/[^ ]*/libc\.so\.6')
	PROGRAM=$TARGETS/offspring-own-loader
}

teardown()
{
	end_test
}

# make_root DIRECTORY: copies, and so files that nobody has mapped.
make_root()
{
	mkdir -p "$1"
	cp -L "$LOADER" "$1/own-ld.so"
	cp -L "$LIBC" "$1/libc.so.6"
}

expect_exact()
{
	expect_own_calls "$1" alloc_count alloc_bytes free_count
	expect '[.events.other_losses[]] | add // 0' 0
}

# shellcheck disable=SC2016 # the inner shells' words
@test "a chain of execs that ends in another root" {
	make_root .
	trace_launched --hold=10s -- sh -c 'exec env sh -c "exec $0 work 0"' "$PROGRAM"
	expect_exact offspring-own-loader
}

# shellcheck disable=SC2016 # the inner shells' words
@test "five roots, each new, with children in each" {
	local i
	for ((i = 0; i < 5; i++)); do
		make_root "root.$i"
	done
	trace_launched -f --hold=10s -- sh -c '
		for root in root.*; do
			(cd "$root" && exec env sh -c "exec $0 fork 2") || exit 1
		done' "$PROGRAM"
	expect '.command_status.exited' 0
	expect_exact offspring-own-loader
}

# shellcheck disable=SC2016 # the inner shells' words
@test "a loader that is executed itself, with the program as its argument" {
	make_root .
	trace_launched --hold=10s -- sh -c 'exec ./own-ld.so "$0" work 0' "$PROGRAM"
	expect_exact offspring-own-loader
	[ -x "$TARGETS/storm-musl-dynamic" ] || return 0
	cp -L /lib/ld-musl-*.so.1 own-musl.so
	rm "$TRUTH"
	trace_launched --hold=10s -- sh -c 'exec ./own-musl.so "$0" 1 2000 1' "$TARGETS/storm-musl-dynamic"
	expect_exact storm-musl-dynamic
}
