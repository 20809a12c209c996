#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# The truth of tests/targets/python/stacks.py beside a report. For tests/e2e/python.bats and
# scripts/python-matrix.

# sum_by_stack: of lines of a size and a stack, the sum of the sizes for each stack
sum_by_stack()
{
	awk -F '\t' '{ size = $1; sub(/^[0-9]+\t/, ""); sum[$0] += size }
		END { for (stack in sum) print sum[stack] "\t" stack }' | sort
}

# reported_stacks REPORT: the same of what the program's own allocations are in a report
reported_stacks()
{
	jq -r '.sites[] | select(any(.stack[]; .function == "allocate" and (.file // "" | endswith("engine.c"))))
		| [.alloc_bytes, (.stack[] | select(.language == "python")
		| "\(.function) \(.file | split("/") | last):\(.line)")] | @tsv' "$1" | sum_by_stack
}

# compare_stacks TRUTH REPORT: prints what differs (<: truth, >: report); fails if anything does
compare_stacks()
{
	diff <(sum_by_stack <"$1") <(reported_stacks "$2")
}
