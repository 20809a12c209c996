/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/pointer_graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/search.h"
#include "census/block_index.h"
#include "census/reader.h"
#include "census/root_pieces.h"

/* Words of a block's beginning that are kept for what counts as a pointer to its start. */
#define HEAD_WORDS 7
/* From so many printable bytes on a block begins with text. */
#define MIN_TEXT 4
/* As much of its beginning has to be text, up to a zero byte. */
#define MAX_TEXT 64

struct constants {
	uint64_t start, end;
};

struct pointer_scan {
	const struct census_image *image;
	struct pointer_graph *graph;
	struct block_index index;
	struct census_reader reader;
	VEC(struct constants) constants; /* mappings that vtables may lie in, ascending */
	uint64_t constants_low, constants_high;
	size_t last_constant;
};

/* --- reading on and on */

static int load(struct pointer_scan *scan, uint64_t address)
{
	struct census_reader *reader = &scan->reader;

	reader__load(reader, address);
	if (reader->failed)
		return reader->failed;
	for (size_t i = 0; i * CENSUS_PAGE < reader->size; i++) {
		const uint8_t *page = reader->data + i * CENSUS_PAGE;

		if (reader->states[i] == PAGE_PRESENT &&
			vec_push(&scan->graph->pages,
				(struct page_print){reader->start + i * CENSUS_PAGE,
					XXH3_64bits(page, CENSUS_PAGE)}))
			return -ENOMEM;
	}
	return 0;
}

/*
 * Memory from @address on, at most up to @end: *@size bytes of it. What is not present is zeros.
 * NULL: nothing can be read there any more.
 */
static const uint8_t *read_on(
	struct pointer_scan *scan, uint64_t address, uint64_t end, size_t *size)
{
	struct census_reader *reader = &scan->reader;

	if (address - reader->start >= reader->size && load(scan, address))
		return NULL;
	if (address - reader->start >= reader->size)
		return NULL;
	*size = reader->start + reader->size - address;
	if (*size > end - address)
		*size = end - address;
	return reader->data + (address - reader->start);
}

static uint32_t edge_to(const struct pointer_scan *scan, uint64_t word, uint32_t target)
{
	uint64_t inside = word - scan->graph->blocks->data[target].address;
	uint32_t place = inside % 8 || inside > 48 ? EDGE_INNER : inside / 8;

	return target | place << EDGE_PLACE_SHIFT;
}

/* --- roots */

static int add_root(struct pointer_scan *scan, uint64_t word, uint64_t address, enum root_kind kind)
{
	uint32_t target = block_index__find(&scan->index, word);

	if (target == INDEX_NONE)
		return 0;
	return vec_push(&scan->graph->roots,
		(struct root_edge){
			.address = address, .kind = kind, .edge = edge_to(scan, word, target)});
}

static int scan_piece(struct pointer_scan *scan, const struct root_piece *piece)
{
	reader__aim(&scan->reader, piece->end);
	for (uint64_t at = piece->start; piece->end - at >= 8 && at < piece->end;) {
		size_t size;
		const uint8_t *data = read_on(scan, at, piece->end, &size);

		if (!data || size < 8)
			break;
		for (size_t i = 0; i + 8 <= size; i += 8) {
			uint64_t word;

			memcpy(&word, data + i, sizeof(word));
			if (word - scan->index.low < scan->index.high - scan->index.low &&
				add_root(scan, word, at + i, piece->kind))
				return -ENOMEM;
		}
		at += size & ~(size_t)7;
	}
	return scan->reader.failed;
}

static int scan_registers(struct pointer_scan *scan)
{
	for (size_t i = 0; i < scan->image->thread_count; i++) {
		const struct census_thread *thread = &scan->image->threads[i];
		int err = 0;

		for (size_t j = 0; !err && j < thread->register_count; j++)
			err = add_root(scan, thread->registers[j], thread->tid, ROOT_REGISTER);
		/* A stack in a block: that is in use, wherever in it the pointer is. */
		if (!err && thread->stack_pointer) {
			size_t before = scan->graph->roots.size;

			err = add_root(scan, thread->stack_pointer, thread->tid, ROOT_REGISTER);
			if (scan->graph->roots.size > before)
				scan->graph->roots.data[before].edge &= EDGE_TARGET;
		}
		if (err)
			return err;
	}
	return 0;
}

static int scan_roots(struct pointer_scan *scan, const struct survey *survey)
{
	struct root_pieces pieces;
	int err = root_pieces__find(scan->image, survey, &pieces);

	for (size_t i = 0; !err && i < pieces.size; i++)
		err = scan_piece(scan, &pieces.data[i]);
	free(pieces.data);
	return err ? err : scan_registers(scan);
}

/* --- blocks */

static bool is_constant(struct pointer_scan *scan, uint64_t word)
{
	size_t i;

	if (word - scan->constants_low >= scan->constants_high - scan->constants_low || word % 8)
		return false;
	i = scan->last_constant;
	if (word - scan->constants.data[i].start <
		scan->constants.data[i].end - scan->constants.data[i].start)
		return true;
	i = search_first(scan->constants.size, n, scan->constants.data[n].end <= word);
	if (i >= scan->constants.size || word < scan->constants.data[i].start)
		return false;
	scan->last_constant = i;
	return true;
}

/*
 * Which inner pointers stand for the start, as memcheck has it (--leak-check-heuristics): C++'s
 * new[] keeps the count in front of what it gives, a length may stand there, an old std::string
 * points to its text, and a base class that is not the first has its own vtable. Sizes are known
 * except for what the allocator rounded up.
 */
static uint8_t find_hints(struct pointer_scan *scan, const uint64_t head[HEAD_WORDS], uint64_t size)
{
	uint64_t slack = 16, count = head[0];
	uint8_t hints = 0;

	if (size < 16)
		return 0;
	if (count <= size - 8 && count + 8 + slack > size)
		hints |= 1 << 1;
	if (count && count <= size - 8 && (size - 8) / count * count + 8 + slack > size)
		hints |= 1 << 1;
	if (size > 24 && head[0] <= head[1] && head[1] <= size - 25 &&
		head[1] + 25 + slack > size && head[2] < UINT32_MAX)
		hints |= 1 << 3;
	if (is_constant(scan, head[0]))
		for (size_t i = 1; i < HEAD_WORDS && 8 * i < size; i++)
			hints |= is_constant(scan, head[i]) ? 1 << i : 0;
	return hints;
}

static bool begins_with_text(const uint8_t *head, uint64_t size)
{
	size_t length = 0;

	size = size < MAX_TEXT ? size : MAX_TEXT;
	while (length < size && ((head[length] >= ' ' && head[length] < 0x7f) ||
					(head[length] >= '\t' && head[length] <= '\r')))
		length++;
	return length >= MIN_TEXT && (length == size || !head[length]);
}

/* What a walk over one block's words has seen. */
struct block_view {
	union {
		uint64_t words[MAX_TEXT / 8];
		uint8_t bytes[MAX_TEXT];
	} head;
	uint64_t any;	   /* all its words or'ed */
	uint64_t pointers; /* words that point into the heap */
	uint64_t words;
};

static enum block_shape shape_of(
	struct pointer_scan *scan, const struct block_view *view, uint64_t size)
{
	if (!view->any)
		return SHAPE_ZEROES;
	if (size >= 8 && is_constant(scan, view->head.words[0]))
		return SHAPE_OBJECT;
	if (begins_with_text(view->head.bytes, size))
		return SHAPE_TEXT;
	return view->pointers && view->pointers * 3 >= view->words ? SHAPE_POINTERS : SHAPE_DATA;
}

/* Takes the words of a piece of block @number. */
static int take_words(struct pointer_scan *scan, uint32_t number, const uint8_t *data, size_t size,
	struct block_view *view)
{
	struct pointer_graph *graph = scan->graph;
	uint64_t low = scan->index.low, span = scan->index.high - low;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint32_t target, edge;
		uint64_t word;

		memcpy(&word, data + i, sizeof(word));
		view->any |= word;
		if (word - low >= span)
			continue;
		target = block_index__look(&scan->index, word);
		if (target == INDEX_NONE)
			continue;
		view->pointers++;
		edge = edge_to(scan, word, target);
		if (target == number || (graph->edges.size > graph->first[number] &&
						graph->edges.data[graph->edges.size - 1] == edge))
			continue;
		if (graph->edges.size >= UINT32_MAX - 1)
			return -E2BIG;
		if (vec_push(&graph->edges, edge))
			return -ENOMEM;
	}
	view->words += size / 8;
	return 0;
}

/* By pages: the windows that it is read by may lie otherwise the next time. */
static uint64_t hash_pages(const uint8_t *data, size_t size, uint64_t address, uint64_t hash)
{
	for (size_t done = 0; done < size;) {
		size_t part = CENSUS_PAGE - (address + done) % CENSUS_PAGE;

		part = part < size - done ? part : size - done;
		hash = XXH3_64bits_withSeed(data + done, part, hash);
		done += part;
	}
	return hash;
}

static int scan_block(struct pointer_scan *scan, uint32_t number)
{
	const struct census_block *block = &scan->graph->blocks->data[number];
	struct pointer_graph *graph = scan->graph;
	uint64_t end = block->address + block->size;
	struct block_view view = {0};
	uint64_t hash = block->size;
	int err = 0;

	graph->first[number] = graph->edges.size;
	for (uint64_t at = block->address; !err && at < end;) {
		size_t size, head = at - block->address;
		const uint8_t *data = read_on(scan, at, end, &size);

		if (!data)
			break;
		if (head < sizeof(view.head))
			memcpy(view.head.bytes + head, data,
				size < sizeof(view.head) - head ? size : sizeof(view.head) - head);
		hash = hash_pages(data, size, at, hash);
		err = take_words(scan, number, data, size, &view);
		at += size;
	}
	graph->prints[number] = hash;
	graph->shapes[number] = shape_of(scan, &view, block->size);
	graph->hints[number] = find_hints(scan, view.head.words, block->size);
	if (!err && graph->shapes[number] == SHAPE_OBJECT)
		err = vec_push(&graph->vtables, view.head.words[0]);
	return err;
}

static int scan_blocks(struct pointer_scan *scan, const struct survey *survey)
{
	const struct census_blocks *blocks = scan->graph->blocks;
	size_t i = 0;
	int err = 0;

	vec_for_each (span, &survey->spans) {
		reader__aim(&scan->reader, span->end);
		for (; !err && i < blocks->size && blocks->data[i].address < span->end; i++)
			err = scan_block(scan, i);
		if (err)
			return err;
	}
	/* Behind where its region ended when it was found. */
	reader__aim(&scan->reader, UINT64_MAX);
	for (; !err && i < blocks->size; i++)
		err = scan_block(scan, i);
	scan->graph->first[blocks->size] = scan->graph->edges.size;
	return err ? err : scan->reader.failed;
}

/* --- the whole */

static int find_constants(struct pointer_scan *scan)
{
	for (size_t i = 0; i < scan->image->range_count; i++) {
		const struct census_range *range = &scan->image->ranges[i];

		if (range->kind != RANGE_FILE || range->is_writable || !range->prot)
			continue;
		if (vec_push(&scan->constants, (struct constants){range->start, range->end}))
			return -ENOMEM;
		scan->constants_low = scan->constants_low ? scan->constants_low : range->start;
		scan->constants_high = range->end;
	}
	return 0;
}

static int by_address(const void *left, const void *right)
{
	const struct page_print *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static int make_room(struct pointer_graph *graph)
{
	size_t count = graph->blocks->size;

	graph->first = malloc((count + 1) * sizeof(*graph->first));
	graph->hints = malloc(count + 1);
	graph->shapes = malloc(count + 1);
	graph->prints = malloc((count + 1) * sizeof(*graph->prints));
	return graph->first && graph->hints && graph->shapes && graph->prints ? 0 : -ENOMEM;
}

int pointer_graph__read(
	const struct census_image *image, const struct survey *survey, struct pointer_graph *out)
{
	struct pointer_scan scan = {.image = image, .graph = out};
	int err;

	*out = (struct pointer_graph){.blocks = &survey->blocks};
	err = make_room(out);
	err = err ? err : block_index__build(&scan.index, &survey->blocks);
	err = err ? err : find_constants(&scan);
	err = err ? err : reader__init(&scan.reader, &image->memory, READER_WIDE);
	err = err ? err : scan_roots(&scan, survey);
	err = err ? err : scan_blocks(&scan, survey);
	out->read_bytes = scan.reader.read_bytes;
	reader__free(&scan.reader);
	block_index__free(&scan.index);
	vec_free(&scan.constants);
	if (out->pages.size)
		qsort(out->pages.data, out->pages.size, sizeof(*out->pages.data), by_address);
	return err;
}

void pointer_graph__free(struct pointer_graph *graph)
{
	vec_free(&graph->edges);
	vec_free(&graph->roots);
	vec_free(&graph->vtables);
	vec_free(&graph->pages);
	free(graph->first);
	free(graph->hints);
	free(graph->shapes);
	free(graph->prints);
	*graph = (struct pointer_graph){0};
}
