/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/unwinding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "unwind/store.h"

struct unwinding {
	struct unwind_maps *maps;
	struct unwind_store *store;
};

struct unwinding *unwinding__new(
	const struct unwind_maps_fds *fds, struct unwind_shared *shared, struct error *error)
{
	struct unwinding *unwinding = calloc(1, sizeof(*unwinding));

	if (unwinding)
		unwinding->store = unwind_store__new_cached();
	if (!unwinding || !unwinding->store) {
		error__set(error, -ENOMEM, "out of memory");
		unwinding__free(unwinding);
		return NULL;
	}
	if (unwind_maps__new(&unwinding->maps, fds, shared, error)) {
		unwinding__free(unwinding);
		return NULL;
	}
	return unwinding;
}

void unwinding__free(struct unwinding *unwinding)
{
	if (!unwinding)
		return;
	unwind_maps__free(unwinding->maps);
	unwind_store__free(unwinding->store);
	free(unwinding);
}

int unwinding__set(struct unwinding *unwinding, uint32_t process, const struct space_view *view,
	struct error *error)
{
	struct unwind_mapping *mappings = calloc(view->count + 1, sizeof(*mappings));
	int err;

	if (!mappings)
		return error__set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < view->count; i++) {
		const struct code_range *range = &view->ranges[i];

		mappings[i] = (struct unwind_mapping){
			.start = range->start,
			.end = range->end,
			.bias = range->bias,
			.table = range->module
					 ? unwind_store__table(unwinding->store, range->module)
					 : NULL,
			.is_uprobes = range->is_uprobes,
		};
	}
	err = unwind_maps__set(unwinding->maps, process, mappings, view->count, error);
	free(mappings);
	return err;
}

void unwinding__share(struct unwinding *unwinding, uint32_t parent, uint32_t child)
{
	unwind_maps__share(unwinding->maps, parent, child);
}

void unwinding__drop(struct unwinding *unwinding, uint32_t process)
{
	unwind_maps__drop(unwinding->maps, process);
}

void unwinding__prepare(struct unwinding *unwinding, const struct module *module)
{
	unwind_store__table(unwinding->store, module);
}
