#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Targets that live elsewhere: pid namespaces, containers' private files, deleted and replaced files.
load helpers

setup()
{
	begin_test
	require_tracing
	[ "$(id -u)" = 0 ] || skip "needs root, to make namespaces"
}

teardown()
{
	end_test
}

# inner_pid PID: the child of PID, as this namespace numbers it.
inner_pid()
{
	pgrep -P "$1"
}

trace_gated_pid()
{
	start_memtrace -p "$1" --json=report.json
	wait_attached
	open_gate
	stop_memtrace
	close_gate
	expect_totals "${@:2}"
}

@test "a process in a pid namespace of its own" {
	start_target unshare -pf "$TARGETS/storm" 4 10000 1
	trace_gated_pid "$(inner_pid "$TARGET")"
}

@test "a container's private files: the allocator is one that only its root has" {
	local root=$BATS_TEST_TMPDIR/root library
	mkdir -p "$root"/{tmp,lib,lib64,usr/lib}
	cp "$TARGETS/storm" "$root/storm"
	# Copies: other inodes than this system's own libraries.
	ldd "$TARGETS/storm" | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$root$(dirname "$library")"
		cp -L "$library" "$root$library"
	done
	GATE=$root/tmp/gate
	mkdir "$GATE"
	local namespaces=-p
	# Not where this very test runs in a chroot.
	if unshare -m true 2>/dev/null; then
		namespaces=-pm
	fi
	GATE=/tmp/gate TRUTH=/tmp/truth unshare "$namespaces" --fork chroot "$root" /storm 4 10000 2 3>&- &
	STARTED+=($!)
	TARGET=$!
	wait_until $WAIT_SECONDS test -e "$GATE/ready"
	start_memtrace -p "$(inner_pid "$TARGET")" --json=report.json
	wait_attached
	open_gate
	stop_memtrace
	close_gate
	mv "$root/tmp/truth" truth
	expect_totals
}

@test "a program whose file was deleted" {
	cp "$TARGETS/storm-static" deleted
	start_target "$PWD/deleted" 4 10000 3
	rm deleted
	trace_gated_pid "$TARGET"
}

@test "a library whose file was replaced by another" {
	local loader
	loader=$(ldd "$TARGETS/storm" | grep -o '/[^ ]*ld-linux[^ ]*')
	mkdir private
	cp -L "$(ldd "$TARGETS/storm" | sed -n 's/.*libc.so.6 => \([^ ]*\).*/\1/p')" private/libc.so.6
	start_target "$loader" --library-path private "$TARGETS/storm" 4 10000 5
	echo 'not a library' >new
	mv new private/libc.so.6
	trace_gated_pid "$TARGET"
}

@test "two programs share a library, only one is traced" {
	"$TARGETS/spin" 30 "$PWD/pairs" 3>&- &
	STARTED+=($!)
	trace_attached -- "$TARGETS/storm" 4 10000 4
	expect_totals
}
