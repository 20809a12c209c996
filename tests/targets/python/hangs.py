# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""Hangs as it is told: gil, back, three, victims, rlocks, lock, busy. Prints "ready" when nothing more will happen."""
import sys
import threading
import time


def begin(*functions):
    for function in functions:
        threading.Thread(target=function, daemon=True).start()


def poll_status():
    import engine
    tell()
    engine.status()


def hang_on_the_way_back():
    """The main thread has the lock and wants the GIL back, which a thread of Python has."""
    import engine
    begin(engine.take)
    tell()
    engine.hold()


def flush_log():
    import engine
    tell()
    engine.flush()


def hang_on_rlocks():
    first, second = threading.RLock(), threading.RLock()
    both = threading.Barrier(2)

    def deposit():
        with first:
            both.wait()
            with second:
                pass

    def audit():
        with second:
            both.wait()
            with first:
                pass

    begin(deposit, audit)
    time.sleep(.3)
    tell()
    time.sleep(1000)


def hang_on_lock():
    lock = threading.Lock()
    lock.acquire()

    def take_again():
        lock.acquire()

    begin(take_again)
    time.sleep(.3)
    tell()
    time.sleep(1000)


def hang_with_victims():
    """A third thread has a Python lock and wants the GIL: a victim."""
    def compute():
        while True:
            sum(range(1000))

    begin(compute)
    poll_status()


def work_busily():
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                sum(range(2000))

    begin(work, work, work)
    tell()
    work()


def tell():
    print("ready", flush=True)


{
    "gil": poll_status,
    "back": hang_on_the_way_back,
    "three": flush_log,
    "victims": hang_with_victims,
    "rlocks": hang_on_rlocks,
    "lock": hang_on_lock,
    "busy": work_busily,
}[sys.argv[1]]()
