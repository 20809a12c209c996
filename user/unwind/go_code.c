/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/go_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "process/elf_file.h"
#include "unwind/known_code.h"

#define BLOCK_SIZE (1u << 20)
#define BLOCK_OVERLAP 32
#define CALL_SIZE 2 /* call *%rax or *%rdi */

/* runtime/asm_amd64.s and sys_linux_amd64.s, from `CALL AX` on. */
static const struct {
	enum go_call kind;
	uint8_t size;
	uint8_t bytes[17];
} sequences[] = {
	/* mov 0x30(%rsp),%rdi (g); mov 8(%rdi),%rsi (stack.hi); sub 0x28(%rsp),%rsi (depth) */
	{GO_CALL_SWITCHED, 16,
		{0xff, 0xd0, 0x48, 0x8b, 0x7c, 0x24, 0x30, 0x48, 0x8b, 0x77, 0x08, 0x48, 0x2b, 0x74,
			0x24, 0x28}},
	/* mov %fs:-8,%rax (g0); mov 0x30(%rax),%rbx (m), from `CALL DI` on */
	{GO_CALL_LOST, 15,
		{0xff, 0xd7, 0x64, 0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x48, 0x8b, 0x58,
			0x30}},
	/* mov 0x28(%rsp),%rsi; mov %rsi,%rsp */
	{GO_CALL_SAVED, 10, {0xff, 0xd0, 0x48, 0x8b, 0x74, 0x24, 0x28, 0x48, 0x89, 0xf4}},
	/* mov (%rsp),%rsp; mov %rax,0x40(%rsp) */
	{GO_CALL_ALIGNED, 11, {0xff, 0xd0, 0x48, 0x8b, 0x24, 0x24, 0x48, 0x89, 0x44, 0x24, 0x40}},
};

static bool is_go(const struct elf_image *image)
{
	static const char *const sections[] = {".go.buildinfo", ".gopclntab", ".note.go.buildid"};

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (elf_file__section(image->file, sections[i]))
			return true;
	return false;
}

static int scan_block(const uint8_t *block, size_t size, uint64_t vaddr, go_call_vec *found)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(*sequences); i++) {
		const uint8_t *at = block, *end = block + size;

		while ((at = memmem(at, end - at, sequences[i].bytes, sequences[i].size))) {
			uint64_t start = vaddr + (at - block);

			if (vec_push(found, (struct go_call_site){
						    start, start + CALL_SIZE, sequences[i].kind}))
				return -ENOMEM;
			at += sequences[i].size;
		}
	}
	return 0;
}

static int compare_sites(const void *left, const void *right)
{
	const struct go_call_site *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Found twice, where blocks overlap. */
static void drop_doubles(go_call_vec *found)
{
	size_t kept = 0;

	if (found->size)
		qsort(found->data, found->size, sizeof(*found->data), compare_sites);
	for (size_t i = 0; i < found->size; i++)
		if (!kept || found->data[kept - 1].start != found->data[i].start)
			found->data[kept++] = found->data[i];
	found->size = kept;
}

int go_code__find(const struct elf_image *image, go_call_vec *found)
{
	uint64_t scanned = 0;
	int err = 0;

	if (image->machine != EM_X86_64 || !is_go(image))
		return 0;
	for (size_t i = 0; i < image->text_count && !err; i++) {
		const struct elf_segment *text = &image->text[i];

		for (uint64_t at = 0; at < text->size && scanned < KNOWN_CODE_MAX_SCAN && !err;
			at += BLOCK_SIZE) {
			uint64_t left = text->size - at;
			size_t size = left < BLOCK_SIZE + BLOCK_OVERLAP
					      ? left
					      : BLOCK_SIZE + BLOCK_OVERLAP;
			const uint8_t *block =
				elf_file__bytes(image->file, text->file_offset + at, size);

			scanned += size;
			if (!block)
				break; /* text that is not in the file */
			err = scan_block(block, size, text->vaddr + at, found);
		}
	}
	drop_doubles(found);
	return err;
}
