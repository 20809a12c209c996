/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What was lost, in words: a number without its loss is a lie. */
#ifndef MEMTRACE_REPORT_LOSS_H
#define MEMTRACE_REPORT_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "python.h"

struct loss_words {
	const char *key;    /* in JSON: stays as it is */
	const char *what;   /* the cause, for a sentence that ends with it */
	const char *remedy; /* NULL: none */
};

/* Never NULL for a cause below LOSS_COUNT. */
const struct loss_words *loss__words(enum loss_cause cause);

/* Why a stack is not whole: key for JSON and words; @stop below STACK_STOP_COUNT. */
const char *loss__stop_key(enum stack_stop stop);
const char *loss__stop_words(enum stack_stop stop);

/* The same of the walk of Python frames; @stop below PYTHON_STOP_COUNT, not PYTHON_NOT_WALKED. */
const char *loss__python_key(enum python_stop stop);
const char *loss__python_words(enum python_stop stop);

/* The events that never arrived: the sum over the causes below LOSS_EVENT_COUNT. */
uint64_t loss__events(const uint64_t losses[LOSS_COUNT]);
/* What else was lost or is cut: the sum over the other causes. */
uint64_t loss__others(const uint64_t losses[LOSS_COUNT]);

#endif
