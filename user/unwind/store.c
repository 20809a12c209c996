/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"

/* By module id. A NULL table: it was tried and cannot be had. */
DEFINE_HASH_NUMBER(table_map, uint32_t, struct unwind_table *);

struct unwind_store {
	pthread_mutex_t lock;
	struct unwind_cache *cache;
	struct table_map tables;
	struct unwind_store_statistics statistics;
};

struct unwind_store *unwind_store__new(struct unwind_cache *cache)
{
	struct unwind_store *store = calloc(1, sizeof(*store));

	if (!store) {
		unwind_cache__close(cache);
		return NULL;
	}
	pthread_mutex_init(&store->lock, NULL);
	store->cache = cache;
	return store;
}

struct unwind_store *unwind_store__new_cached(void)
{
	struct unwind_cache *cache = NULL;
	struct error error = {0};

	if (unwind_cache__open(&cache, NULL, UNWIND_CACHE_LIMIT, &error))
		log__debug("unwind tables are not cached: %s", error.message);
	return unwind_store__new(cache);
}

void unwind_store__free(struct unwind_store *store)
{
	if (!store)
		return;
	hash_for_each (slot, &store->tables)
		unwind_table__free(slot->value);
	table_map__free(&store->tables);
	unwind_cache__close(store->cache);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

static void count_table(struct unwind_store *store, const struct unwind_table *table)
{
	struct unwind_store_statistics *statistics = &store->statistics;

	statistics->rows += table->row_count;
	statistics->bytes += unwind_table__size(table);
	statistics->build_ns += table->statistics.build_ns;
	for (int i = 0; i < RULE_DEFECT_COUNT; i++)
		statistics->defects[i] += table->statistics.defects[i];
}

/* Whether rows of @table come from symbols that @image does not have. */
static bool has_other_symbols(const struct unwind_table *table, const struct elf_image *image)
{
	struct known_symbols now = {0};

	if (!table->symbols.are_read)
		return false;
	known_code__read_symbols(image, &now);
	return now.exit != table->symbols.exit ||
	       now.libc_start_main != table->symbols.libc_start_main ||
	       now.pthread_exit != table->symbols.pthread_exit;
}

static struct unwind_table *load_table(
	struct unwind_store *store, const struct elf_image *image, const uint8_t *key)
{
	struct unwind_table *table;

	if (unwind_cache__load(store->cache, key, UNWIND_KEY_SIZE, &table))
		return NULL;
	if (!has_other_symbols(table, image))
		return table;
	unwind_table__free(table);
	return NULL;
}

/* Kept only if what it was built from is what it is known by: the file may have been written to. */
static void keep_table(struct unwind_store *store, const struct elf_image *image,
	const uint8_t *key, const struct unwind_table *table)
{
	uint8_t now[UNWIND_KEY_SIZE];

	if (!unwind_content__hash(image, unwind_cache__secret(store->cache), now) &&
		!memcmp(now, key, sizeof(now)))
		unwind_cache__store(store->cache, key, UNWIND_KEY_SIZE, table);
}

/* From the cache, or built and then kept there. */
static struct unwind_table *find_table(
	struct unwind_store *store, const struct elf_image *image, struct error *error)
{
	struct unwind_table *table = NULL;
	uint8_t key[UNWIND_KEY_SIZE];
	bool has_key = store->cache &&
		       !unwind_content__hash(image, unwind_cache__secret(store->cache), key);

	if (has_key && (table = load_table(store, image, key))) {
		store->statistics.cached++;
		return table;
	}
	if (unwind_table__build_image(image, &table, error))
		return NULL;
	store->statistics.built++;
	if (has_key)
		keep_table(store, image, key, table);
	return table;
}

static struct unwind_table *make_table(struct unwind_store *store, const struct module *module)
{
	struct unwind_table *table = NULL;
	struct error error = {0};
	struct elf_image image;

	if (!elf_image__read_fd(&image, module->fd, &error)) {
		table = find_table(store, &image, &error);
		elf_image__free(&image);
	}
	if (!table) {
		log__debug("%s: %s", module->path, error.message);
		store->statistics.failed++;
	}
	return table;
}

const struct unwind_table *unwind_store__table(
	struct unwind_store *store, const struct module *module)
{
	struct unwind_table **known, *table = NULL;

	pthread_mutex_lock(&store->lock);
	known = table_map__find(&store->tables, module->id);
	if (known) {
		table = *known;
	} else {
		known = table_map__insert(&store->tables, module->id);
		if (known)
			*known = table = make_table(store, module);
		if (table)
			count_table(store, table);
	}
	pthread_mutex_unlock(&store->lock);
	return table;
}

static int describe_mapping(struct unwind_store *store, struct modules *modules, pid_t pid,
	const struct mapping *mapping, unwind_mapping_vec *out)
{
	struct unwind_mapping described = {.start = mapping->start, .end = mapping->end};
	const struct module *module = NULL;

	if (!strcmp(mapping->path, "[uprobes]"))
		described.is_uprobes = true;
	else
		module = modules__get(modules, pid, mapping, NULL);
	if (module && module__bias(module, mapping, &described.bias))
		described.table = unwind_store__table(store, module);
	return vec_push(out, described);
}

int unwind_store__describe(struct unwind_store *store, struct modules *modules, pid_t pid,
	const struct maps *maps, unwind_mapping_vec *out)
{
	int err = 0;

	for (size_t i = 0; !err && i < maps->size; i++)
		if (mapping__is_executable(&maps->data[i]))
			err = describe_mapping(store, modules, pid, &maps->data[i], out);
	return err;
}

struct unwind_store_statistics unwind_store__statistics(struct unwind_store *store)
{
	struct unwind_store_statistics statistics;

	pthread_mutex_lock(&store->lock);
	statistics = store->statistics;
	pthread_mutex_unlock(&store->lock);
	return statistics;
}
