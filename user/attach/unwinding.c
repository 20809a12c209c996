#include "attach/unwinding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "unwind/table.h"

static inline uint64_t module_hash(uint32_t id)
{
	return hash_mix(id);
}

static inline bool module_equal(uint32_t a, uint32_t b)
{
	return a == b;
}

DEFINE_HASH(table_map, uint32_t, struct unwind_table *, module_hash, module_equal);

struct unwinding {
	struct unwind_maps *maps;
	struct table_map tables; /* by module id; NULL: the file gave none */
};

struct unwinding *unwinding__new(
	const struct unwind_maps_fds *fds, struct unwind_shared *shared, struct error *err)
{
	struct unwinding *unwinding = calloc(1, sizeof(*unwinding));

	if (!unwinding) {
		error__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (unwind_maps__new(&unwinding->maps, fds, shared, err)) {
		free(unwinding);
		return NULL;
	}
	return unwinding;
}

void unwinding__free(struct unwinding *unwinding)
{
	if (!unwinding)
		return;
	unwind_maps__free(unwinding->maps);
	hash_for_each (slot, &unwinding->tables)
		unwind_table__free(slot->value);
	table_map__free(&unwinding->tables);
	free(unwinding);
}

/* The table of a module, built when first asked for; NULL where it has none. */
static struct unwind_table *find_table(struct unwinding *unwinding, const struct module *module)
{
	struct unwind_table **known = table_map__find(&unwinding->tables, module->id);
	struct unwind_table *table = NULL;
	struct error err = {0};

	if (known)
		return *known;
	known = table_map__insert(&unwinding->tables, module->id);
	if (!known)
		return NULL;
	if (unwind_table__build(module->fd, &table, &err))
		log__debug("%s: no unwind table: %s", module->name, err.message);
	else
		log__debug("%s: unwind table of %zu rows, built in %.1f ms", module->name,
			table->row_count, table->statistics.build_ns / 1e6);
	*known = table;
	return table;
}

int unwinding__set(struct unwinding *unwinding, uint32_t process, const struct space_view *view,
	struct error *err)
{
	struct unwind_mapping *mappings = calloc(view->count + 1, sizeof(*mappings));
	int code;

	if (!mappings)
		return error__set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < view->count; i++) {
		const struct code_range *range = &view->ranges[i];

		mappings[i] = (struct unwind_mapping){
			.start = range->start,
			.end = range->end,
			.bias = range->bias,
			.table = range->module ? find_table(unwinding, range->module) : NULL,
			.is_uprobes = range->is_uprobes,
		};
	}
	code = unwind_maps__set(unwinding->maps, process, mappings, view->count, err);
	free(mappings);
	return code;
}

void unwinding__share(struct unwinding *unwinding, uint32_t parent, uint32_t child)
{
	unwind_maps__share(unwinding->maps, parent, child);
}

void unwinding__drop(struct unwinding *unwinding, uint32_t process)
{
	unwind_maps__drop(unwinding->maps, process);
}

struct unwind_maps_statistics unwinding__statistics(const struct unwinding *unwinding)
{
	return unwind_maps__statistics(unwinding->maps);
}
