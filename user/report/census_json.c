/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/census_json.h"

#include "report/census_content.h"
#include "report/json_writer.h"

static void put_target(
	struct json_writer *json, const struct census *census, const struct census_head *head)
{
	json__key(json, "target");
	json__begin_object(json);
	json__put_integer(json, "pid", head->pid);
	json__put_string(json, "command", head->command);
	json__put_integer(json, "threads", head->threads);
	json__put_integer(json, "rss_bytes", census->account.resident);
	json__put_integer(json, "swapped_bytes", census->account.swapped);
	json__end_object(json);
}

static void put_account(struct json_writer *json, const struct account *account)
{
	json__key(json, "account");
	json__begin_object(json);
	for (enum account_part part = 0; part < ACCOUNT_PARTS; part++)
		json__put_integer(json, account__key(part), account->parts[part]);
	json__end_object(json);
}

static void put_arena(struct json_writer *json, const struct census_arena *arena)
{
	json__begin_object(json);
	json__put_integer(json, "address", arena->address);
	json__put_boolean(json, "main", arena->is_main);
	json__put_integer(json, "live_count", arena->live_count);
	json__put_integer(json, "live_bytes", arena->live_bytes);
	json__put_integer(json, "free_count", arena->free_count);
	json__put_integer(json, "free_bytes", arena->free_bytes);
	json__put_integer(json, "cached_count", arena->cached_count);
	json__put_integer(json, "cached_bytes", arena->cached_bytes);
	json__put_integer(json, "top_bytes", arena->top_bytes);
	json__put_integer(json, "mapped_count", arena->mapped_count);
	json__put_integer(json, "mapped_bytes", arena->mapped_bytes);
	json__end_object(json);
}

static void put_findings(struct json_writer *json, const struct survey *survey)
{
	json__key(json, "corrupt");
	json__begin_array(json);
	vec_for_each (finding, &survey->findings) {
		json__begin_object(json);
		json__put_integer(json, "address", finding->address);
		json__put_integer(json, "value", finding->value);
		if (finding->after) {
			json__put_integer(json, "after", finding->after);
			json__put_integer(json, "after_bytes", finding->after_size);
		}
		json__end_object(json);
	}
	json__end_array(json);
}

static void put_heap(struct json_writer *json, const struct census *census)
{
	const struct survey *survey = &census->survey;

	json__key(json, "heap");
	json__begin_object(json);
	json__put_string(json, "allocator", survey->allocator);
	json__put_integer(json, "live_count", survey->live_count);
	json__put_integer(json, "live_bytes", survey->live_bytes);
	json__put_integer(json, "own_count", survey->own_count);
	json__put_integer(json, "own_bytes", survey->own_bytes);
	json__put_integer(json, "free_bytes", survey->free_bytes);
	json__put_integer(json, "returnable_bytes", census->account.returnable);
	json__put_integer(json, "skipped_bytes", survey->skipped_bytes);
	if (survey->claims_mapped)
		json__put_integer(json, "mapped_by_allocator", survey->mapped_claimed);
	put_findings(json, survey);
	json__key(json, "arenas");
	json__begin_array(json);
	vec_for_each (arena, &survey->arenas)
		put_arena(json, arena);
	json__end_array(json);
	json__end_object(json);
}

void census_json__write(FILE *file, const struct census *census, const struct census_head *head)
{
	struct json_writer json;

	json__start(&json, file, 3);
	json__begin_object(&json);
	json__put_integer(&json, "version", CENSUS_JSON_VERSION);
	json__put_string(&json, "memtrace", head->version);
	json__put_integer(&json, "took_ns", head->took_ns);
	put_target(&json, census, head);
	put_account(&json, &census->account);
	if (census->has_heap)
		put_heap(&json, census);
	else
		json__put_string(&json, "no_heap", census->no_heap);
	if (census->has_graph)
		census_content__write_json(&json, census, head->samples);
	if (census->unread)
		json__put_string(&json, "unread_allocator", census->unread);
	json__put_integer(&json, "in_motion", census->survey.in_motion);
	json__put_integer(&json, "looks", census->looks);
	json__end_object(&json);
	json__finish(&json);
}
