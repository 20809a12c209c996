# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""
Allocates from every kind of Python frame. Each allocation has a size of its own, and the file that it is given
gets a line for each: the size, then "function file:line" of each frame as Python has it itself.
"""
import asyncio
import sys
import threading

import engine

truth = open(sys.argv[1], "w")
sizes = iter(range(100_001, 200_000, 16))


def allocate():
    size = next(sizes)
    frame, frames = sys._getframe(1), []
    engine.allocate(size)
    line = sys._getframe().f_lineno - 1
    frames.append(f"allocate stacks.py:{line}")
    while frame:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        frames.append(f"{name} {code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}")
        frame = frame.f_back
    print(size, *frames, sep="\t", file=truth, flush=True)


def recurse(depth):
    if depth:
        return recurse(depth - 1)
    allocate()


def generate():
    allocate()
    yield 1


class Built:
    allocate()

    def method(self):
        allocate()


def decorate(function):
    def wrapped():
        return function()
    return wrapped


@decorate
def decorated():
    (
        allocate
    )()


async def task():
    await asyncio.sleep(0)
    allocate()


def fail():
    try:
        raise ValueError
    except ValueError:
        allocate()


recurse(20)
list(generate())
Built().method()
decorated()
asyncio.run(task())
fail()
exec(compile("allocate()", "<made>", "exec"))
[allocate() for _ in range(1)]
sorted([2, 1], key=lambda item: allocate() or item)
engine.call(allocate)
thread = threading.Thread(target=allocate)
thread.start()
thread.join()
