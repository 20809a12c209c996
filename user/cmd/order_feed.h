/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * From a tracer's records of nested locks to the model of their order: resolves stacks while their
 * code is there, tells locks by what they lie in, and names both for the report.
 */
#ifndef MEMTRACE_CMD_ORDER_FEED_H
#define MEMTRACE_CMD_ORDER_FEED_H

#include "attach/tracer.h"
#include "report/order.h"

struct order_feed;

/* @tracer, @modules and @spaces outlive it. NULL: no memory. */
struct order_feed *order_feed__new(
	struct tracer *tracer, struct spaces *spaces, uint64_t attached_ns);
void order_feed__free(struct order_feed *feed);

/* Image @process of @pid is traced from here on. 0 or -ENOMEM. */
int order_feed__add(struct order_feed *feed, uint32_t process, pid_t pid);

/* A ring_buffer_sample_fn; @context is the feed. */
int order_feed__record(void *context, void *data, size_t size);

/* After the last record: takes how long locks were held. 0 or a negative errno. */
int order_feed__finish(struct order_feed *feed);

struct order_model *order_feed__model(struct order_feed *feed);

/* See order_report; @feed is a struct order_feed. */
const struct order_stack *order_feed__stack(void *feed, uint64_t hash);
pid_t order_feed__pid(void *feed, uint32_t process);

/* Whether a function on one of the finding's stacks matches the pattern of fnmatch(3). */
bool order_feed__matches(
	struct order_feed *feed, const struct order_finding *finding, const char *pattern);

#endif
