/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/otlp.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "report/otlp_private.h"

#define MAX_ATTRIBUTES 8

char *otlp__text(struct arena *arena, const char *text)
{
	char *copy = arena__copy(arena, text ? text : "");

	if (copy)
		text__make_printable(copy);
	return copy;
}

Otlp__KeyValue *otlp__attribute(struct arena *arena, const char *key, const char *value)
{
	Otlp__KeyValue *out = otlp_new(arena, Otlp__KeyValue, otlp__key_value__init);

	if (!out)
		return NULL;
	out->key = (char *)key;
	out->value = otlp_new(arena, Otlp__AnyValue, otlp__any_value__init);
	if (!out->value)
		return NULL;
	out->value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	out->value->string_value = otlp__text(arena, value);
	return out->value->string_value ? out : NULL;
}

/* Leaves out what has no value. False: no memory. */
static bool add_text(
	struct arena *arena, Otlp__Resource *resource, const char *key, const char *value)
{
	if (!value || !*value)
		return true;
	resource->attributes[resource->n_attributes] = otlp__attribute(arena, key, value);
	return resource->attributes[resource->n_attributes++];
}

static bool add_number(
	struct arena *arena, Otlp__Resource *resource, const char *key, int64_t value)
{
	Otlp__KeyValue *attribute = otlp__attribute(arena, key, "");

	if (!attribute)
		return false;
	attribute->value->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
	attribute->value->int_value = value;
	resource->attributes[resource->n_attributes++] = attribute;
	return true;
}

/* Keys are those of OpenTelemetry's semantic conventions for resources. */
Otlp__Resource *otlp__resource(struct arena *arena, const struct otlp_head *head)
{
	Otlp__Resource *out = otlp_new(arena, Otlp__Resource, otlp__resource__init);
	bool has_memory;

	if (!out)
		return NULL;
	out->attributes = arena__alloc(arena, MAX_ATTRIBUTES, sizeof(*out->attributes));
	if (!out->attributes)
		return NULL;
	has_memory = add_text(arena, out, "service.name", head->comm ? head->comm : "memtrace") &&
		     add_text(arena, out, "process.command_line", head->command) &&
		     add_text(arena, out, "container.id", head->container) &&
		     add_text(arena, out, "k8s.pod.name", head->pod) &&
		     (!head->pid || add_number(arena, out, "process.pid", head->pid));
	return has_memory ? out : NULL;
}

Otlp__InstrumentationScope *otlp__scope(struct arena *arena, const struct otlp_head *head)
{
	Otlp__InstrumentationScope *out =
		otlp_new(arena, Otlp__InstrumentationScope, otlp__instrumentation_scope__init);

	if (out) {
		out->name = "memtrace";
		out->version = (char *)head->version;
	}
	return out;
}

int otlp__pack(const ProtobufCMessage *message, struct otlp_message *out)
{
	*out = (struct otlp_message){.size = protobuf_c_message_get_packed_size(message)};
	out->data = malloc(out->size + 1);
	if (!out->data)
		return -ENOMEM;
	protobuf_c_message_pack(message, out->data);
	return 0;
}

uint64_t otlp__rejected(const void *answer, size_t size)
{
	Otlp__ExportResponse *response = otlp__export_response__unpack(NULL, size, answer);
	uint64_t rejected = 0;

	if (!response)
		return 0;
	if (response->partial_success && response->partial_success->rejected > 0)
		rejected = response->partial_success->rejected;
	otlp__export_response__free_unpacked(response, NULL);
	return rejected;
}
