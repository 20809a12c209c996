#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Programs that pretend to be a Python, and interpreters that come and go.
bats_require_minimum_version 1.5.0
load helpers

setup()
{
	begin_test
	require_tracing
	PROGRAMS=${TARGETS%/*}/python
}

teardown()
{
	end_test
}

# cause HOW KEY: all stacks of the impostor in which "Python runs" count under the key
cause()
{
	timeout $RUN_SECONDS "$MEMTRACE" --json=report.json -- "$PROGRAMS/impostor" "$1" >out 2>err ||
		fail "$1: $(cat err)"
	jq -e --arg key "$2" '.python | .stacks > 0 and .[$key] == .stacks' report.json >matches ||
		fail "$1: $(jq -c .python report.json)"
	# What is true of it stays: its native stack, and 2,000 blocks.
	[ "$(jq '[.sites[] | select(any(.stack[]; .function == "_PyEval_EvalFrameDefault" or .function == "main"))
		| .alloc_count] | add' report.json)" -eq 2000 ] || fail "$1: blocks are missing"
}

@test "a program that fakes CPython's symbols and memory gets no frames that are not there" {
	cause ring truncated
	cause code bad_memory
	cause frame bad_memory
	cause names unnamed
	cause garbage no_thread
}

@test "an interpreter in a C++ program that ends and begins anew, and a fork without exec" {
	require_file "$PROGRAMS/embedded" # for want of libpython
	timeout $RUN_SECONDS "$MEMTRACE" -f --json=report.json -- "$PROGRAMS/embedded" >out 2>err ||
		fail "$(cat err)"
	grep -qx end out
	jq -e '.python | .complete == .stacks and .unnamed == 0' report.json || fail "$(jq -c .python report.json)"
	for each in "grow 1500" "in_thread 900"; do
		jq -r --arg f "${each% *}" '[.sites[] | select(any(.stack[]; .function == "PyByteArray_Resize")
			and any(.stack[]; .language == "python" and .function == $f)) | .alloc_count] | add' \
			report.json >count
		[ "$(cat count)" -eq "${each#* }" ] || fail "$each: $(cat count)"
	done
	# Outside the interpreter's life no Python frame is invented.
	jq -e '[.sites[] | select(any(.stack[]; .function // "" | startswith("allocate_natively")))]
		| length > 0 and all(.[]; all(.stack[]; .language != "python"))' report.json
}
