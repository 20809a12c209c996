/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What metrics and profiles as OTLP share. */
#ifndef MEMTRACE_REPORT_OTLP_PRIVATE_H
#define MEMTRACE_REPORT_OTLP_PRIVATE_H

#include "otlp.pb-c.h"
#include "report/arena.h"
#include "report/otlp.h"

/* A new message of @type, "metric" for Otlp__Metric, from @arena and initialized. NULL: no memory.
 */
#define otlp_new(arena, message_type, init)                                         \
	({                                                                          \
		message_type *message = arena__alloc((arena), 1, sizeof(*message)); \
		if (message)                                                        \
			init(message);                                              \
		message;                                                            \
	})

/* A copy of @text that is UTF-8, as proto3 wants it; NULL: no memory. */
char *otlp__text(struct arena *arena, const char *text);

/* An attribute whose value is a text. NULL: no memory. */
Otlp__KeyValue *otlp__attribute(struct arena *arena, const char *key, const char *value);

/* Who the figures are about, and who says so. NULL: no memory. */
Otlp__Resource *otlp__resource(struct arena *arena, const struct otlp_head *head);
Otlp__InstrumentationScope *otlp__scope(struct arena *arena, const struct otlp_head *head);

/* Packs @message. 0 or -ENOMEM. */
int otlp__pack(const ProtobufCMessage *message, struct otlp_message *out);

#endif
