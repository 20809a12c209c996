/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Frame information -> table: rows of all FDEs, sorted, without overlaps, merged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/search.h"
#include "unwind/cfi_program.h"
#include "unwind/go_code.h"
#include "unwind/known_code.h"
#include "unwind/table.h"

/*
 * How many bytes of instructions may be run for each byte of the section: a real one runs each of
 * them once and a CIE's few again whenever the CIE changes.
 */
#define BUDGET_PER_BYTE 64

/*
 * Rows of a file, before they are merged: as many as the walker's search can tell apart, and four
 * times what the largest browsers have. A compressed section of a hostile file could ask for more.
 */
#define MAX_RAW_ROWS (1u << 23)

/* Functions are aligned: what is skipped between two, up to this many bytes, is never executed. */
#define MAX_PADDING 16

/* Where an FDE's rows are among all raw rows. */
struct piece {
	uint32_t start; /* relative to the text's start */
	uint32_t end;
	uint32_t first_row;
	uint32_t row_count;
};

typedef VEC(uint64_t) row_vec;

struct table_builder {
	const struct elf_image *image;
	struct rule_packer packer;
	struct cfi_program program;
	struct known_symbols symbols;
	bool is_signal_frame; /* the FDE that is being run */
	size_t described;     /* pieces of .eh_frame, sorted, while .debug_frame is read */
	VEC(struct piece) pieces;
	row_vec raw;  /* rows of all FDEs as they come */
	row_vec rows; /* the result */
	struct unwind_statistics statistics;
};

static int add_raw_row(void *context, uint64_t start, const struct cfi_state *state)
{
	struct table_builder *b = context;
	uint32_t rule = UNWIND_NO_RULE;

	if (b->raw.size == MAX_RAW_ROWS)
		return -E2BIG;
	if (state)
		rule = rule_packer__pack(&b->packer, state, b->is_signal_frame);
	return vec_push(&b->raw, unwind_row(start - b->image->text_start, rule));
}

/* Whether .eh_frame has described some of [start, end). */
static bool is_described(const struct table_builder *b, uint32_t start, uint32_t end)
{
	size_t low = search_first(b->described, i, b->pieces.data[i].end <= start);

	return low < b->described && b->pieces.data[low].start < end;
}

/*
 * The rows of an FDE. The address of a function that stands on a stack as if it had called is
 * looked up, as all return addresses are, at the byte before it.
 */
static int run_fde(struct table_builder *b, const struct cfi_fde *fde, uint64_t *start)
{
	int err;

	if (fde->instructions_size <= 8 && fde->start > b->image->text_start &&
		known_code__is_context_start(b->image, fde->start, fde->end)) {
		*start = fde->start - 1;
		return vec_push(&b->raw, unwind_row(*start - b->image->text_start, UNWIND_END));
	}
	b->is_signal_frame = fde->cie.is_signal_frame;
	err = cfi_program__run(&b->program, fde, add_raw_row, b);
	if (err != -EBADMSG)
		return err;
	b->statistics.malformed++;
	return 0;
}

/* Runs one FDE; one that lies outside of the text (a function that was dropped) is skipped. */
static int add_fde(struct table_builder *b, const struct cfi_fde *fde)
{
	struct piece piece = {.first_row = b->raw.size};
	uint64_t base = b->image->text_start, start = fde->start;
	int err;

	b->statistics.fdes++;
	if (fde->start < base || fde->end > b->image->text_end || fde->start == fde->end ||
		is_described(b, fde->start - base, fde->end - base))
		return 0;
	err = run_fde(b, fde, &start);
	if (err)
		return err;
	piece.row_count = b->raw.size - piece.first_row;
	piece.start = start - base;
	piece.end = fde->end - base;
	return vec_push(&b->pieces, piece);
}

static int add_section(struct table_builder *b, const struct elf_bytes *bytes, bool is_debug_frame)
{
	struct cfi_iterator it = {.section = {.bytes = bytes, .is_debug_frame = is_debug_frame}};
	struct cfi_fde fde;
	int err = 0;

	b->program = (struct cfi_program){
		.machine = b->image->machine,
		.budget = BUDGET_PER_BYTE * (uint64_t)bytes->size,
	};
	while (!err && cfi__next_fde(&it, &fde))
		err = add_fde(b, &fde);
	b->statistics.malformed += it.malformed;
	return err;
}

static int compare_pieces(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->first_row < b->first_row ? -1 : a->first_row > b->first_row;
}

static void sort_pieces(struct table_builder *b)
{
	for (size_t i = 1; i < b->pieces.size; i++) {
		if (b->pieces.data[i].start < b->pieces.data[i - 1].start) {
			qsort(b->pieces.data, b->pieces.size, sizeof(*b->pieces.data),
				compare_pieces);
			return;
		}
	}
}

/* Appends a row unless the one before says the same; a second one for a pc replaces the first. */
static int add_row(struct table_builder *b, uint64_t row)
{
	uint64_t *last = b->rows.size ? &b->rows.data[b->rows.size - 1] : NULL;

	if (last && unwind_row_pc(*last) == unwind_row_pc(row)) {
		*last = row;
		return 0;
	}
	if (last && unwind_row_rule(*last) == unwind_row_rule(row))
		return 0;
	return vec_push(&b->rows, row);
}

/* One FDE's rows up to @end, where the next FDE begins if they overlap. */
static int add_piece(struct table_builder *b, const struct piece *piece, uint32_t end)
{
	int err = 0;

	for (size_t i = 0; !err && i < piece->row_count; i++) {
		uint64_t row = b->raw.data[piece->first_row + i];

		if (unwind_row_pc(row) >= end)
			break;
		err = add_row(b, row);
	}
	return err;
}

/*
 * The rows of [start, end), which no FDE covers: none, except for known code. It begins a byte
 * early, as the address that is returned to is looked up at the byte before it.
 */
static int add_unknown(struct table_builder *b, uint64_t start, uint64_t end)
{
	uint64_t base = b->image->text_start, last_end = start;
	known_range_vec found = {0};
	int err;

	err = known_code__find(b->image, &b->symbols, base + start, base + end, &found);
	if (err == -EBADMSG)
		err = 0; /* text that is not in the file */
	if (!err)
		err = add_row(b, unwind_row(start, UNWIND_NO_RULE));
	for (size_t i = 0; !err && i < found.size; i++) {
		uint64_t first = found.data[i].start - base;

		if (first < last_end)
			continue; /* found twice, where blocks overlap */
		err = add_row(b, unwind_row(first - (first > last_end), found.data[i].rule));
		last_end = found.data[i].end - base;
		if (!err)
			err = add_row(b, unwind_row(last_end, UNWIND_NO_RULE));
	}
	vec_free(&found);
	return err;
}

/* [start, end), which no FDE covers, and in it perhaps the code where stacks begin. */
static int add_gap(struct table_builder *b, uint64_t start, uint64_t end)
{
	uint64_t entry = b->image->entry - b->image->text_start, after;
	int err = 0;

	if (entry < start || entry >= end || !known_code__is_start(b->image))
		return add_unknown(b, start, end);
	after = end - entry < KNOWN_CODE_START_SIZE ? end : entry + KNOWN_CODE_START_SIZE;
	if (entry > start)
		err = add_unknown(b, start, entry);
	if (!err)
		err = add_row(b, unwind_row(entry, UNWIND_END));
	if (!err && after < end)
		err = add_unknown(b, after, end);
	return err ? err : add_row(b, unwind_row(end, UNWIND_NO_RULE));
}

static int merge_pieces(struct table_builder *b)
{
	uint64_t text_size = b->image->text_end - b->image->text_start;
	const struct piece *piece = b->pieces.data;
	int err = vec_reserve(&b->rows, b->raw.size);

	if (!err)
		err = add_gap(b, 0, b->pieces.size ? piece->start : text_size);
	for (size_t i = 0; !err && i < b->pieces.size; i++, piece++) {
		bool last = i + 1 == b->pieces.size;
		uint64_t next = last ? text_size : piece[1].start;

		err = add_piece(b, piece, piece->end < next ? piece->end : next);
		if (!err && next > piece->end && next - piece->end >= MAX_PADDING)
			err = add_gap(b, piece->end, next);
	}
	return err;
}

static uint32_t go_rule(struct table_builder *b, enum go_call kind)
{
	switch (kind) {
	case GO_CALL_SWITCHED:
		return rule_packer__pack_go_switch(&b->packer);
	case GO_CALL_LOST:
		return UNWIND_BAD;
	case GO_CALL_SAVED:
		/* CFA = *(sp + 40) + 8 */
		return unwind_rule(UNWIND_DEREF_SP, 0, 0, (5 + UNWIND_DEREF_BIAS) << 8 | 1);
	default:
		/* CFA = *sp + 32, where rbp was saved at CFA - 16 */
		return unwind_rule(UNWIND_DEREF_SP, 2, 0, UNWIND_DEREF_BIAS << 8 | 4);
	}
}

/* @rule for [start, end), whatever the rows say; those of the code around stay. */
static int override_rows(struct table_builder *b, uint32_t start, uint32_t end, uint32_t rule)
{
	size_t first = search_first(b->rows.size, i, unwind_row_pc(b->rows.data[i]) < start);
	size_t after = search_first(b->rows.size, i, unwind_row_pc(b->rows.data[i]) <= end);
	uint32_t before = after ? unwind_row_rule(b->rows.data[after - 1]) : UNWIND_NO_RULE;
	size_t tail = b->rows.size - after;

	if (vec_reserve(&b->rows, b->rows.size + 2))
		return -ENOMEM;
	if (tail)
		memmove(&b->rows.data[first + 2], &b->rows.data[after],
			tail * sizeof(*b->rows.data));
	b->rows.data[first] = unwind_row(start, rule);
	b->rows.data[first + 1] = unwind_row(end, before);
	b->rows.size = first + 2 + tail;
	return 0;
}

/* Go's frame information does not say that its runtime calls C elsewhere. */
static int override_go_calls(struct table_builder *b)
{
	uint64_t base = b->image->text_start;
	go_call_vec calls = {0};
	int err = go_code__find(b->image, &calls);

	vec_for_each (call, &calls)
		if (!err)
			err = override_rows(
				b, call->start - base, call->end - base, go_rule(b, call->kind));
	vec_free(&calls);
	return err;
}

/* The result, in one allocation of exactly its size. */
static int make_table(struct table_builder *b, struct unwind_table **out)
{
	size_t rows_size = b->rows.size * sizeof(uint64_t);
	size_t rare_size = b->packer.rare.size * sizeof(struct unwind_rare);
	struct unwind_table *table = calloc(1, sizeof(*table));
	char *storage = malloc(rows_size + rare_size + 1);

	if (!table || !storage) {
		free(table);
		free(storage);
		return -ENOMEM;
	}
	if (rows_size)
		memcpy(storage, b->rows.data, rows_size);
	if (rare_size)
		memcpy(storage + rows_size, b->packer.rare.data, rare_size);
	memcpy(b->statistics.defects, b->packer.defects, sizeof(b->packer.defects));
	*table = (struct unwind_table){
		.machine = b->image->machine,
		.text_start = b->image->text_start,
		.text_end = b->image->text_end,
		.rows = (uint64_t *)storage,
		.row_count = b->rows.size,
		.rare = (struct unwind_rare *)(storage + rows_size),
		.rare_count = b->packer.rare.size,
		.statistics = b->statistics,
		.symbols = b->symbols,
		.storage = storage,
	};
	*out = table;
	return 0;
}

int unwind_table__build_image(
	const struct elf_image *image, struct unwind_table **out, struct error *error)
{
	struct table_builder b = {.image = image, .packer = {.machine = image->machine}};
	uint64_t start = clock__now_ns();
	int err = 0;

	*out = NULL;
	if (image->text_end - image->text_start > UINT32_MAX)
		return error__set(error, -E2BIG, "more than 4 GiB of code");
	if (image->eh_frame.data)
		err = add_section(&b, &image->eh_frame, false);
	sort_pieces(&b);
	b.described = b.pieces.size;
	if (!err && image->debug_frame.data)
		err = add_section(&b, &image->debug_frame, true);
	sort_pieces(&b);
	if (!err)
		err = merge_pieces(&b);
	if (!err)
		err = override_go_calls(&b);
	b.statistics.build_ns = clock__now_ns() - start;
	if (!err)
		err = make_table(&b, out);
	if (err)
		error__set(error, err, "cannot build the unwind table: %s", strerror(-err));
	vec_free(&b.pieces);
	vec_free(&b.raw);
	vec_free(&b.rows);
	vec_free(&b.packer.rare);
	return err;
}

int unwind_table__build(int fd, struct unwind_table **out, struct error *error)
{
	struct elf_image image;
	int err;

	*out = NULL;
	err = elf_image__read_fd(&image, fd, error);
	if (err)
		return err;
	err = unwind_table__build_image(&image, out, error);
	elf_image__free(&image);
	return err;
}

int unwind_table__build_memory(
	const void *memory, size_t size, struct unwind_table **out, struct error *error)
{
	struct elf_image image;
	int err;

	*out = NULL;
	err = elf_image__read_memory(&image, memory, size, error);
	if (err)
		return err;
	err = unwind_table__build_image(&image, out, error);
	elf_image__free(&image);
	return err;
}
