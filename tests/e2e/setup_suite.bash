#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Runs once before all end-to-end tests: where things are, and whether this machine can trace.

setup_suite()
{
	ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	export ROOT
	export MEMTRACE=${MEMTRACE:-$ROOT/build/memtrace}
	export TARGETS=${TARGETS:-$ROOT/build/targets/heap}
	export CAN_TRACE=no
	# A cache of one's own: tests neither see nor change the user's.
	XDG_CACHE_HOME=$(mktemp -d)
	export XDG_CACHE_HOME
	if timeout 30 "$MEMTRACE" doctor >/dev/null 2>&1; then
		CAN_TRACE=yes
	fi
}

teardown_suite()
{
	rm -rf "$XDG_CACHE_HOME"
}
