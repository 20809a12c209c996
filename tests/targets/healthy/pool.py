# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""Python's threads, idle or [busy]: a pool, a queue's readers and a server."""
import concurrent.futures
import http.server
import queue
import sys
import threading
import time

pool = concurrent.futures.ThreadPoolExecutor(8)
lock = threading.Lock()
tree_lock = threading.RLock()
messages = queue.Queue()


def job(number):
    with tree_lock, lock:
        return sum(range(2000)) + number


def drive():
    while True:
        list(pool.map(job, range(50)))
        messages.put(1)
        time.sleep(0.001)


def listen():
    while True:
        messages.get()


list(pool.map(job, range(50)))
for _ in range(4):
    threading.Thread(target=listen, daemon=True).start()
if len(sys.argv) > 1:
    threading.Thread(target=drive, daemon=True).start()
http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
).serve_forever()
