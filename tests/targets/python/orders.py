# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""
Two functions that reach the allocator by the same native calls: keep leaks 5,000 bytearrays, scratch frees 20,000.
parse allocates inside the standard library. Ends without an end of the interpreter, which would free them all.
"""
import json
import os

orders = []


def keep():
    orders.append(bytearray(3000))


def scratch():
    return len(bytearray(3001))


def parse():
    orders.append(json.loads('"' + 70_000 * "x" + '"'))


def serve():
    for _ in range(5000):
        keep()
        for _ in range(4):
            scratch()
    for _ in range(40):
        parse()


serve()
os._exit(0)
