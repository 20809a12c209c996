/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/runtimes.h"

#include <stdlib.h>

#include "base/hash.h"

/* Of a module by its number; the runtime is NULL where it has none. */
struct looked_up {
	bool done;
	struct python_runtime *runtime;
};

DEFINE_HASH_NUMBER(runtime_map, uint32_t, struct looked_up);

struct python_runtimes {
	struct runtime_map map;
};

struct python_runtimes *python_runtimes__new(void)
{
	return calloc(1, sizeof(struct python_runtimes));
}

void python_runtimes__free(struct python_runtimes *runtimes)
{
	if (!runtimes)
		return;
	hash_for_each (slot, &runtimes->map)
		free(slot->value.runtime);
	runtime_map__free(&runtimes->map);
	free(runtimes);
}

const struct python_runtime *python_runtimes__get(
	struct python_runtimes *runtimes, const struct module *module)
{
	struct looked_up *known = runtime_map__insert(&runtimes->map, module->id);
	struct python_runtime found;

	if (!known)
		return NULL;
	if (!known->done && python_runtime__find(module, &found)) {
		known->runtime = malloc(sizeof(found));
		if (known->runtime)
			*known->runtime = found;
	}
	known->done = true;
	return known->runtime;
}
