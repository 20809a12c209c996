#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
# Takes long.
# Real programs under the tracer: same output as without it, nothing lost.
load helpers

setup()
{
	begin_test
	require_tracing
	# shellcheck disable=SC2034 # the helpers read it
	RUN_SECONDS=300
}

teardown()
{
	end_test
}

# The report of a long run is large: its sites are summed up once, and then dropped.
sum_up_sites()
{
	jq '. + {from_sites: {
			count: (.sites | length),
			alloc_count: ([.sites[].alloc_count] | add),
			live_bytes: ([.sites[].live_bytes] | add)}} | del(.sites)' report.json >small.json
	mv small.json report.json
}

# expect_sane: a long real run has blocks of every kind, and they add up.
expect_sane()
{
	sum_up_sites
	expect_nothing_lost
	expect '.heap | .alloc_count > 1000 and .alloc_count >= .free_count' true
	expect '.heap | .peak_bytes >= .live_bytes' true
	expect '.from_sites.alloc_count == .heap.alloc_count' true
	expect '.from_sites.live_bytes == .heap.live_bytes' true
}

# expect_closed_books: the same for one process that neither forked nor executed another program.
expect_closed_books()
{
	expect_sane
	expect '.heap | .alloc_count - .free_count == .live_count' true
	expect '.heap | .alloc_bytes - .freed_bytes == .live_bytes' true
	expect .heap.untracked_free_count 0
}

@test "python3 runs a module of its standard library's tests" {
	/usr/bin/python3 -c 'import test.test_textwrap' || skip "no tests of the standard library"
	cat >run.py <<-'PY'
		import sys, unittest
		sys.stderr = open(sys.argv[1], "w")
		unittest.main(module=None, argv=["unittest", "-v", "test.test_textwrap"])
	PY
	# Without Python's own pools, every object is a call.
	export PYTHONMALLOC=malloc
	/usr/bin/python3 run.py plain
	trace_launched --max-frames 32 -- /usr/bin/python3 run.py traced
	diff <(sed 's/ in [0-9.]*s$//' plain) <(sed 's/ in [0-9.]*s$//' traced)
	expect_closed_books
}

@test "sqlite3 runs a script of 100,000 rows" {
	require_command sqlite3
	cat >script.sql <<-'SQL'
		CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL);
		BEGIN;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
		INSERT INTO t SELECT i, 'row ' || i, i * 1.5 FROM n;
		COMMIT;
		CREATE INDEX by_name ON t(name);
		SELECT count(*), sum(value), max(name) FROM t;
		SELECT substr(name, 1, 6) AS head, count(*) FROM t GROUP BY head ORDER BY head LIMIT 50;
		DELETE FROM t WHERE id % 3 = 0;
		SELECT count(*) FROM t;
	SQL
	sqlite3 plain.db <script.sql >plain
	trace_launched -- sqlite3 -batch traced.db '.output traced' '.read script.sql'
	diff plain traced
	expect_closed_books
}

@test "redis-server under redis-benchmark" {
	require_command redis-server
	require_command redis-benchmark
	local socket=$BATS_TEST_TMPDIR/redis.sock
	start_memtrace --json=report.json -- redis-server --port 0 --unixsocket "$socket" \
		--save '' --appendonly no
	wait_until $WAIT_SECONDS redis-cli -s "$socket" ping
	timeout 100 redis-benchmark -s "$socket" -q -n 20000 -t set,get,lpush,lrange_100 >bench
	grep -q 'SET.*requests per second' bench
	[ "$(redis-cli -s "$socket" eval "for i=1,100 do redis.call('set', 'k'..i, i) end
		return redis.call('get', 'k77')" 0)" = 77 ]
	redis-cli -s "$socket" shutdown nosave || true
	finish "$TRACER"
	expect_sane
}

@test "g++ compiles a large C++ file, followed through its children" {
	cat >large.cc <<-'CC'
		#include <algorithm>
		#include <functional>
		#include <iostream>
		#include <map>
		#include <memory>
		#include <string>
		#include <vector>
		int main()
		{
			std::map<std::string, std::vector<std::function<int(int)>>> m;
			for (int i = 0; i < 10; i++)
				m["k" + std::to_string(i)].push_back([i](int x) { return x + i; });
			std::cout << m["k3"][0](4) << std::endl;
		}
	CC
	g++ -O0 -o plain large.cc
	trace_launched -f --max-frames 6 -- g++ -O0 -o traced large.cc
	cmp plain traced
	expect_sane
	expect '.processes | length >= 4' true
}
