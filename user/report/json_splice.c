/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/json_splice.h"

#include <jansson.h>

static void write_value(struct json_writer *json, json_t *value);

static void write_members(struct json_writer *json, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		json__key(json, key);
		write_value(json, value);
	}
}

/* The documents have no fractions. jansson bounds the depth. */
static void write_value(struct json_writer *json, json_t *value)
{
	json_t *element;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json__begin_object(json);
		write_members(json, value);
		json__end_object(json);
		break;
	case JSON_ARRAY:
		json__begin_array(json);
		json_array_foreach(value, i, element) write_value(json, element);
		json__end_array(json);
		break;
	case JSON_INTEGER:
		json__integer(json, json_integer_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		json__boolean(json, json_is_true(value));
		break;
	default:
		json__string(json, json_string_value(value));
	}
}

void json__splice(struct json_writer *json, const char *document)
{
	json_t *value = json_loads(document, JSON_DECODE_ANY, NULL);

	if (value)
		write_value(json, value);
	else
		json__string(json, NULL);
	json_decref(value);
}

void json__splice_members(struct json_writer *json, const char *document)
{
	json_t *value = document ? json_loads(document, 0, NULL) : NULL;

	if (json_is_object(value))
		write_members(json, value);
	json_decref(value);
}
