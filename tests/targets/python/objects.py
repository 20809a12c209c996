# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""Keeps 20,000 small objects, which pymalloc has; ends without an end of the interpreter."""
import os


class Point:
    __slots__ = ("place",)

    def __init__(self, place):
        self.place = place


points = [None] * 20_000
for number in range(1_000, 21_000):
    points[number - 1_000] = Point(number)
os._exit(0)
