# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""
What three kinds of Python programs take of processor time: call-heavy, malloc-heavy (each allocation below 5, 20 and
50 Python frames and about as many native ones), json. Prints a line for each: its name, and nanoseconds for one of
its operations, the least of several rounds.
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


def below(frames):
    """Two frames are this function's and allocate's own."""
    return lambda operations: descend(frames - 2, operations)


DOCUMENT = json.dumps([{"name": "x" * 600, "values": list(range(20)), "number": n} for n in range(20)])


def parse(operations):
    for _ in range(operations):
        json.loads(DOCUMENT)


KINDS = (
    ("calls", call, 50_000),
    ("malloc5", below(5), 4_000),
    ("malloc20", below(20), 4_000),
    ("malloc50", below(50), 4_000),
    ("json", parse, 200),
)
for name, function, operations in KINDS:
    best = None
    function(operations)
    for _ in range(ROUNDS):
        start = time.thread_time_ns()
        function(operations)
        taken = (time.thread_time_ns() - start) / operations
        best = taken if best is None else min(best, taken)
    print(name, round(best))
