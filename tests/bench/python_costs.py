# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""
What three kinds of Python programs take: call-heavy, malloc-heavy (each allocation below 20 Python frames and about
20 native ones), json. Prints a line for each: its name, and nanoseconds for one of its operations, the least of
several rounds.
"""
import json
import time

ROUNDS = 5


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def call(operations):
    for _ in range(operations // 1000):
        fibonacci(14)  # 1,219 calls


def allocate(operations):
    for _ in range(operations):
        bytearray(1000)


def descend(depth, operations):
    if depth == 0:
        allocate(operations)
    elif depth % 3 == 0:
        list(map(descend, [depth - 1], [operations]))  # through C and back
    else:
        descend(depth - 1, operations)


def malloc(operations):
    descend(18, operations)


DOCUMENT = json.dumps([{"name": "x" * 600, "values": list(range(20)), "number": n} for n in range(20)])


def parse(operations):
    for _ in range(operations):
        json.loads(DOCUMENT)


for name, function, operations in ("calls", call, 50_000), ("malloc", malloc, 10_000), ("json", parse, 200):
    best = None
    function(operations)
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        function(operations)
        taken = (time.perf_counter_ns() - start) / operations
        best = taken if best is None else min(best, taken)
    print(name, round(best))
