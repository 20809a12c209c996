/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "symbols/dwarf_scan.h"

#include <dwarf.h>

#include "base/vec.h"

/* Compilers number abbreviations from 1 without gaps; a large unit has a few thousand. */
#define MAX_ABBREVIATIONS 65536

/* How to get past one attribute, or several in a row. */
enum skip_kind {
	SKIP_BYTES,    /* `size` of them */
	SKIP_LEB,      /* a LEB128 number */
	SKIP_STRING,   /* up to and with a 0 byte */
	SKIP_BLOCK,    /* a length of `size` bytes and as many bytes */
	SKIP_LEB_BLOCK /* the same with a LEB128 length */
};

struct skip {
	uint32_t kind;
	uint32_t size;
};

struct abbreviation {
	uint32_t first_skip;
	uint32_t skip_count;
	bool known;
	bool is_function; /* a DW_TAG_subprogram */
	bool has_address;
};

struct scan {
	struct bytes dies;
	uint8_t address_size;
	uint8_t offset_size;
	uint16_t version;
	VEC(struct abbreviation) abbreviations; /* by code */
	VEC(struct skip) skips;
};

/* The bytes that a form takes where that is fixed; -1 where it depends on the value. */
static int fixed_size(const struct scan *scan, unsigned int form)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return scan->address_size;
	case DW_FORM_ref_addr:
		return scan->version == 2 ? scan->address_size : scan->offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_sec_offset:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return scan->offset_size;
	default:
		return -1;
	}
}

/* The rule for a form whose size depends on the value; false where the form is not known. */
static bool variable_skip(unsigned int form, struct skip *skip)
{
	switch (form) {
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		*skip = (struct skip){SKIP_LEB, 0};
		return true;
	case DW_FORM_string:
		*skip = (struct skip){SKIP_STRING, 0};
		return true;
	case DW_FORM_exprloc:
	case DW_FORM_block:
		*skip = (struct skip){SKIP_LEB_BLOCK, 0};
		return true;
	case DW_FORM_block1:
		*skip = (struct skip){SKIP_BLOCK, 1};
		return true;
	case DW_FORM_block2:
		*skip = (struct skip){SKIP_BLOCK, 2};
		return true;
	case DW_FORM_block4:
		*skip = (struct skip){SKIP_BLOCK, 4};
		return true;
	default:
		return false;
	}
}

static int add_skip(struct scan *scan, struct abbreviation *abbreviation, unsigned int form)
{
	int size = fixed_size(scan, form);
	struct skip skip = {SKIP_BYTES, size}, *last;

	if (size < 0 && !variable_skip(form, &skip))
		return -EINVAL;
	if (size == 0)
		return 0;
	last = abbreviation->skip_count ? &scan->skips.data[scan->skips.size - 1] : NULL;
	if (size > 0 && last && last->kind == SKIP_BYTES) {
		last->size += size;
		return 0;
	}
	abbreviation->skip_count++;
	return vec_push(&scan->skips, skip);
}

/* Reads the pairs of attribute and form of one abbreviation. */
static int read_attributes(struct scan *scan, struct bytes *c, struct abbreviation *abbreviation)
{
	uint64_t name, form, value;

	for (;;) {
		int error;

		if (!bytes__read_uleb(c, &name) || !bytes__read_uleb(c, &form))
			return -EINVAL;
		if (!name && !form)
			return 0;
		if (form == DW_FORM_implicit_const && !bytes__read_uleb(c, &value))
			return -EINVAL;
		if (name == DW_AT_low_pc || name == DW_AT_ranges)
			abbreviation->has_address = true;
		error = form > UINT32_MAX ? -EINVAL : add_skip(scan, abbreviation, form);
		if (error)
			return error;
	}
}

static int add_abbreviation(struct scan *scan, struct bytes *c, uint64_t code)
{
	struct abbreviation abbreviation = {.first_skip = scan->skips.size, .known = true};
	uint64_t tag;
	int error = 0;

	if (code >= MAX_ABBREVIATIONS || !bytes__read_uleb(c, &tag) || c->at++ >= c->end)
		return -EINVAL;
	abbreviation.is_function = tag == DW_TAG_subprogram;
	error = read_attributes(scan, c, &abbreviation);
	while (!error && scan->abbreviations.size <= code)
		error = vec_push(&scan->abbreviations, (struct abbreviation){0});
	if (!error)
		scan->abbreviations.data[code] = abbreviation;
	return error;
}

static int read_abbreviations(
	struct scan *scan, const struct dwarf_sections *sections, uint64_t offset)
{
	struct bytes c = sections->abbrev;
	uint64_t code;
	int error = 0;

	if (offset >= (uint64_t)(c.end - c.at))
		return -EINVAL;
	c.at += offset;
	while (!error) {
		if (!bytes__read_uleb(&c, &code))
			return -EINVAL;
		if (!code)
			return 0;
		error = add_abbreviation(scan, &c, code);
	}
	return error;
}

static bool skip_attributes(struct scan *scan, const struct abbreviation *abbreviation)
{
	const struct skip *skip = scan->skips.data + abbreviation->first_skip;
	uint64_t value;
	bool ok = true;

	for (uint32_t i = 0; ok && i < abbreviation->skip_count; i++, skip++) {
		switch (skip->kind) {
		case SKIP_BYTES:
			ok = bytes__skip(&scan->dies, skip->size);
			break;
		case SKIP_LEB:
			ok = bytes__read_uleb(&scan->dies, &value);
			break;
		case SKIP_STRING:
			ok = bytes__string(&scan->dies) != NULL;
			break;
		case SKIP_BLOCK:
			ok = bytes__skip(&scan->dies, bytes__number(&scan->dies, skip->size));
			break;
		default:
			ok = bytes__read_uleb(&scan->dies, &value) &&
			     bytes__skip(&scan->dies, value);
		}
	}
	return ok;
}

/* Nesting is of no interest: DIEs follow one another, the ends of lists are single 0 bytes. */
static int scan_dies(struct scan *scan, const struct dwarf_sections *sections, Dwarf *dwarf,
	bool (*each)(void *context, Dwarf_Die *function), void *context)
{
	while (scan->dies.at < scan->dies.end) {
		const struct abbreviation *abbreviation;
		Dwarf_Off offset = scan->dies.at - sections->info.at;
		Dwarf_Die die;
		uint64_t code;

		if (!bytes__read_uleb(&scan->dies, &code))
			return -EINVAL;
		if (!code)
			continue;
		if (code >= scan->abbreviations.size)
			return -EINVAL;
		abbreviation = &scan->abbreviations.data[code];
		if (!abbreviation->known || !skip_attributes(scan, abbreviation))
			return -EINVAL;
		if (abbreviation->is_function && abbreviation->has_address &&
			dwarf_offdie(dwarf, offset, &die) && !each(context, &die))
			break;
	}
	return 0;
}

int dwarf_scan__functions(const struct dwarf_sections *sections, Dwarf_Die *unit,
	bool (*each)(void *context, Dwarf_Die *function), void *context)
{
	Dwarf *dwarf = dwarf_cu_getdwarf(unit->cu);
	Dwarf_Off start = dwarf_dieoffset(unit) - dwarf_cuoffset(unit), next, abbreviations;
	uint64_t size = bytes__left(&sections->info);
	struct scan scan = {0};
	size_t header_size;
	Dwarf_Half version;
	int error;

	/* dwarf_cuoffset is relative to the unit, so `start` is where the unit's header begins. */
	if (dwarf_next_unit(dwarf, start, &next, &header_size, &version, &abbreviations,
		    &scan.address_size, &scan.offset_size, NULL, NULL))
		return -EINVAL;
	if (next > size)
		next = size;
	if ((const uint8_t *)unit->addr < sections->info.at ||
		unit->addr > (void *)(sections->info.at + next))
		return -EINVAL;
	scan.dies.at = unit->addr;
	scan.dies.end = sections->info.at + next;
	scan.version = version;
	error = read_abbreviations(&scan, sections, abbreviations);
	if (!error)
		error = scan_dies(&scan, sections, dwarf, each, context);
	vec_free(&scan.abbreviations);
	vec_free(&scan.skips);
	return error;
}
