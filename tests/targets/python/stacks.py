# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""
Allocates from every kind of Python frame. Each allocation has a size of its own, and the file that it is given
gets a line for each: the size, then "function file:line" of each frame as Python has it itself.
"""
import asyncio
import concurrent.futures
import contextlib
import ctypes
import functools
import sys
import threading

import engine

truth = open(sys.argv[1], "w")
sizes = iter(range(100_001, 200_000, 16))
lock = threading.Lock()


def allocate(*ignored):
    with lock:
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
    return 0


def recurse(depth):
    if depth:
        return recurse(depth - 1)
    allocate()


def generate():
    allocate()
    yield 1


def delegate():
    allocate()
    yield from generate()


class Meta(type):
    def __new__(meta, name, bases, members):
        allocate()
        return super().__new__(meta, name, bases, members)


class Built(metaclass=Meta):
    allocate()

    def __init__(self):
        allocate()

    def method(self):
        allocate()

    @property
    def read(self):
        return allocate()

    @staticmethod
    def static():
        allocate()

    @classmethod
    def of_class(cls):
        allocate()

    def __lt__(self, other):
        allocate()
        return True

    def __del__(self):
        allocate()


def decorate(function):
    @functools.wraps(function)
    def wrapped(*args, **keywords):
        return function(*args, **keywords)
    return wrapped


@decorate
@decorate
def decorated():
    (
        allocate
    )()


@contextlib.contextmanager
def managed():
    allocate()
    try:
        yield
    finally:
        allocate()


async def task():
    await asyncio.sleep(0)
    allocate()


async def asynchronous():
    async for _ in asynchronously():
        allocate()
    async with Asynchronous():
        allocate()


async def asynchronously():
    allocate()
    yield 1


class Asynchronous:
    async def __aenter__(self):
        allocate()

    async def __aexit__(self, *exception):
        await asyncio.sleep(0)
        allocate()


async def many():
    await asyncio.gather(task(), task(), asynchronous())


def fail():
    try:
        raise ValueError
    except ValueError:
        allocate()
    finally:
        allocate()


def fail_deeply():
    try:
        with managed():
            {}["missing"]
    except KeyError:
        return [allocate() for _ in range(2)]


def sort_in_c():
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(allocate)
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(2, 1), 2, 4, compare)


def évaluer_日本():
    allocate()


recurse(20)
recurse(60)
list(generate())
list(delegate())
built = Built()
built.method()
built.read
Built.static()
Built.of_class()
sorted([built, Built()])
del built
decorated()
asyncio.run(task())
asyncio.run(many())
fail()
fail_deeply()
sort_in_c()
évaluer_日本()
exec(compile("allocate()", "<made>", "exec"))
eval("allocate()")
exec(compile("\n" * 3000 + "def far():\n" + "\n" * 500 + "    allocate()\nfar()", "far.py", "exec"))
[allocate() for _ in range(1)]
{allocate() for _ in range(1)}
{1: allocate() for _ in range(1)}
list(allocate() for _ in range(1))
[[allocate() for _ in range(1)] for _ in range(1)]
sorted([2, 1], key=lambda item: allocate() or item)
list(map(allocate, [1]))
functools.reduce(allocate, [1, 2])
functools.partial(allocate)()
engine.call(allocate)
engine.call(lambda: engine.call(decorated))
threads = [threading.Thread(target=recurse, args=(depth,)) for depth in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    list(pool.map(recurse, range(3)))
