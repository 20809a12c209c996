/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Numbers as people read them; always with a unit, never wider than HUMAN_SIZE - 1 columns. */
#ifndef MEMTRACE_REPORT_HUMAN_H
#define MEMTRACE_REPORT_HUMAN_H

#include <stdint.h>

#define HUMAN_SIZE 32

struct human {
	char text[HUMAN_SIZE];
};

/* "0 B", "987 B", "12.3 KiB", "1.50 GiB": three digits at least from KiB on. */
struct human human__bytes(uint64_t bytes);

/* "1,234,567"; from ten million on "12.3 M", "1.23 G". */
struct human human__count(uint64_t count);

/* Every digit: "1,234,567". */
struct human human__exact(uint64_t count);

/* "850 ns", "1.23 ms", "12.3 s", "2 min 05 s", "3 h 07 min", "4 d 02 h". */
struct human human__duration(uint64_t ns);

/* The share of @part in @whole: "12.3 %", "<0.1 %", "0 %" also when @whole is 0. */
struct human human__percent(uint64_t part, uint64_t whole);

#endif
