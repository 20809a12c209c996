#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Takes long.
# Each allocator, preloaded, linked in, static, under a prefix, and opened at run time.
load helpers

setup()
{
	begin_test
	require_tracing
	LIBRARIES=$(dirname "$(gcc -print-file-name=libjemalloc.so)")
}

teardown()
{
	end_test
}

# preloaded LIBRARY PROGRAM [ARG]...: attached between the gates, with the library in front.
preloaded()
{
	local library=$1
	shift
	require_file "${library##* }"
	trace_attached -- env LD_PRELOAD="$library" "$@"
}

@test "jemalloc preloaded: C, four threads" {
	preloaded "$LIBRARIES/libjemalloc.so.2" "$TARGETS/storm" 4 20000 1
	expect_totals
}

@test "jemalloc preloaded: every C function that it has" {
	preloaded "$LIBRARIES/libjemalloc.so.2" "$TARGETS/every_c" no-pvalloc
	expect_totals
}

@test "jemalloc preloaded: realloc in every way" {
	preloaded "$LIBRARIES/libjemalloc.so.2" "$TARGETS/reallocs" 50
	expect_totals
}

@test "jemalloc preloaded: functions that only it has" {
	preloaded "$LIBRARIES/libjemalloc.so.2" "$TARGETS/own_names"
	expect_totals
}

@test "jemalloc preloaded: every operator new and delete" {
	preloaded "$LIBRARIES/libjemalloc.so.2" "$TARGETS/every_new" fail
	expect_own_calls every_new
	expect .heap.failed_count "$(truth failed_count)"
}

@test "jemalloc preloaded: launched from the first instruction" {
	require_file "$LIBRARIES/libjemalloc.so.2"
	LD_PRELOAD=$LIBRARIES/libjemalloc.so.2 trace_launched -- "$TARGETS/storm" 1 20000 1
	expect_own_calls storm
}

@test "a preload that passes calls on through pointers: each call counts once" {
	preloaded "$TARGETS/libforward.so" "$TARGETS/storm" 4 5000 1
	expect_totals
}

@test "such a preload in front of jemalloc: each call counts once" {
	preloaded "$TARGETS/libforward.so $LIBRARIES/libjemalloc.so.2" "$TARGETS/crossfree" 5000
	expect_totals
}

@test "a preload with headers of its own: blocks pair up by the pointers that the program has" {
	preloaded "$TARGETS/libheader.so" "$TARGETS/crossfree" 5000
	expect_totals
}

@test "operators new and delete of the program, with headers: its pointers count, static too" {
	local keys=(alloc_count alloc_bytes free_count freed_bytes live_count live_bytes
		untracked_free_count)
	trace_attached -- "$TARGETS/own_new"
	expect_totals "${keys[@]}"
	rm truth
	trace_attached -- "$TARGETS/own_new-static"
	expect_totals "${keys[@]}"
}

@test "tcmalloc preloaded: C, four threads" {
	preloaded "$LIBRARIES/libtcmalloc_minimal.so.4" "$TARGETS/storm" 4 20000 1
	expect_totals
}

@test "tcmalloc preloaded: every C function" {
	preloaded "$LIBRARIES/libtcmalloc_minimal.so.4" "$TARGETS/every_c"
	expect_totals
}

@test "tcmalloc preloaded: realloc in every way" {
	preloaded "$LIBRARIES/libtcmalloc_minimal.so.4" "$TARGETS/reallocs" 50
	expect_totals
}

@test "tcmalloc preloaded: functions that only it has" {
	preloaded "$LIBRARIES/libtcmalloc_minimal.so.4" "$TARGETS/own_names"
	expect_totals
}

@test "tcmalloc preloaded: every operator new and delete" {
	preloaded "$LIBRARIES/libtcmalloc_minimal.so.4" "$TARGETS/every_new" fail
	expect_own_calls every_new
	expect .heap.failed_count "$(truth failed_count)"
}

@test "mimalloc preloaded: C, four threads" {
	preloaded "$LIBRARIES/libmimalloc.so.2" "$TARGETS/storm" 4 20000 1
	expect_totals
}

@test "mimalloc preloaded: every C function" {
	preloaded "$LIBRARIES/libmimalloc.so.2" "$TARGETS/every_c"
	expect_totals
}

@test "mimalloc preloaded: realloc in every way" {
	preloaded "$LIBRARIES/libmimalloc.so.2" "$TARGETS/reallocs" 50
	expect_totals
}

@test "mimalloc preloaded: functions that only it has" {
	preloaded "$LIBRARIES/libmimalloc.so.2" "$TARGETS/own_names"
	expect_totals
}

# Debian's mimalloc, built as C, ends the program where operator new would throw.
@test "mimalloc preloaded: every operator new and delete" {
	preloaded "$LIBRARIES/libmimalloc.so.2" "$TARGETS/every_new"
	expect_totals
}

@test "jemalloc linked in statically: C" {
	require_file "$TARGETS/storm-jemalloc"
	trace_attached -- "$TARGETS/storm-jemalloc" 4 20000 1
	expect_totals
}

@test "jemalloc linked in statically: C++" {
	require_file "$TARGETS/every_new-jemalloc"
	trace_attached -- "$TARGETS/every_new-jemalloc" fail
	expect_own_calls every_new-jemalloc
}

@test "tcmalloc linked in statically: C" {
	require_file "$TARGETS/storm-tcmalloc"
	trace_attached -- "$TARGETS/storm-tcmalloc" 4 20000 1
	expect_totals
}

@test "tcmalloc linked in statically: C++" {
	require_file "$TARGETS/every_new-tcmalloc"
	trace_attached -- "$TARGETS/every_new-tcmalloc" fail
	expect_own_calls every_new-tcmalloc
}

@test "mimalloc linked as a library: C" {
	require_file "$TARGETS/storm-mimalloc-shared"
	trace_attached -- "$TARGETS/storm-mimalloc-shared" 4 20000 1
	expect_totals
}

@test "musl static: launched and attached" {
	require_file "$TARGETS/storm-musl"
	trace_launched -- "$TARGETS/storm-musl" 1 20000 1
	expect_totals
	rm truth
	trace_attached -- "$TARGETS/storm-musl" 4 20000 1
	expect_totals
}

@test "musl static: every C function" {
	require_file "$TARGETS/every_c-musl"
	trace_launched -- "$TARGETS/every_c-musl"
	expect_totals
}

@test "musl dynamic: launched and attached" {
	require_file "$TARGETS/storm-musl-dynamic"
	trace_launched -- "$TARGETS/storm-musl-dynamic" 1 20000 1
	expect_totals
	rm truth
	trace_attached -- "$TARGETS/storm-musl-dynamic" 4 20000 1
	expect_totals
}

@test "glibc static: launched and attached" {
	trace_launched -- "$TARGETS/storm-static" 1 20000 1
	expect_own_calls storm-static
	rm truth
	trace_attached -- "$TARGETS/storm-static" 4 20000 1
	expect_totals
}

@test "glibc static: every C function" {
	trace_attached -- "$TARGETS/every_c-static"
	expect_totals
}

@test "glibc static: every operator new and delete" {
	trace_attached -- "$TARGETS/every_new-static" fail
	expect_own_calls every_new-static
}

@test "glibc static PIE: attached" {
	trace_attached -- "$TARGETS/storm-static-pie" 4 20000 1
	expect_totals
}

@test "a static program without symbols is refused in words" {
	start_target "$TARGETS/storm-stripped" 1 100 1
	run timeout 30 "$MEMTRACE" -p "$TARGET"
	expect_error 1 "allocator"
}

@test "an allocator under a prefix, in a library" {
	trace_attached --allocator "$TARGETS/libtiny.so:je_" -- "$TARGETS/prefixed-library"
	expect_totals
}

@test "an allocator under a prefix, linked in" {
	trace_attached --allocator "$TARGETS/prefixed-linked:je_" -- "$TARGETS/prefixed-linked"
	expect_totals
}

@test "an allocator under a prefix, launched" {
	trace_launched --allocator "$TARGETS/libtiny.so:je_" -- "$TARGETS/prefixed-library"
	expect_own_calls prefixed-library
}

@test "--allocator: any path that leads to the file names it; one that nobody mapped is told of" {
	ln -s "$TARGETS/prefixed-linked" link
	PATH=$TARGETS:$PATH trace_launched --allocator ./link:je_ --allocator nosuch.so:je_ -- \
		prefixed-linked
	expect_own_calls prefixed-linked
	expect '[.notes[] | select(contains("--allocator"))] | length' 1
	expect '[.notes[] | select(contains("nosuch.so"))] | length' 1
}

@test "an allocator in a library opened at run time is traced from its first use" {
	require_file "$LIBRARIES/libtcmalloc_minimal.so.4"
	trace_attached --hold 10s -- "$TARGETS/late" "$LIBRARIES/libtcmalloc_minimal.so.4" ''
	expect_own_calls late
}

@test "an allocator opened at run time, launched" {
	require_file "$LIBRARIES/libmimalloc.so.2"
	trace_launched --hold 10s -- "$TARGETS/late" "$LIBRARIES/libmimalloc.so.2" ''
	expect_own_calls late
}

@test "a prefixed allocator opened at run time is traced from its first use" {
	trace_attached --hold 10s --allocator "$TARGETS/libtiny.so:je_" -- \
		"$TARGETS/late" "$TARGETS/libtiny.so" je_ 3
	expect_own_calls late
}

@test "a prefixed allocator used by its library's constructor is traced there too" {
	trace_attached --hold 10s --allocator "$TARGETS/libtiny-early.so:je_" -- \
		"$TARGETS/late" "$TARGETS/libtiny-early.so" je_
	expect_own_calls late
	[ "$(jq '[.sites[] | select(.stack[0].module // "" | endswith("libtiny-early.so"))
		| .alloc_count] | add' report.json)" = 5 ]
}
