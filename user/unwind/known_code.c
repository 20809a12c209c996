/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/known_code.h"

#include <stdlib.h>
#include <string.h>

#include "process/elf_file.h"
#include "unwind.h"

/* x86-64: mov $15, %rax (sign extended) or %eax: __NR_rt_sigreturn; then syscall. */
static const uint8_t long_form[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
static const uint8_t short_form[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
/* arm64: mov x8, #139; svc #0. */
static const uint8_t arm64_form[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};

/* The shortest code that is looked for. */
#define SHORTEST sizeof(short_form)

/* Text is read in blocks of this size, which overlap by more than what is looked for. */
#define BLOCK_SIZE (1u << 20)
#define BLOCK_OVERLAP 16

/* File offset of @vaddr and the bytes from there to the segment's end; 0 if it is in none. */
static uint64_t find_text(const struct elf_image *image, uint64_t vaddr, uint64_t *offset)
{
	for (size_t i = 0; i < image->text_count; i++) {
		const struct elf_segment *text = &image->text[i];

		if (vaddr < text->vaddr || vaddr - text->vaddr >= text->size)
			continue;
		*offset = text->file_offset + (vaddr - text->vaddr);
		return text->size - (vaddr - text->vaddr);
	}
	return 0;
}

static int scan_signal_returns(
	const uint8_t *block, size_t size, uint64_t vaddr, known_range_vec *found)
{
	const uint8_t *at = block, *end = block + size;

	while ((at = memmem(at, end - at, short_form + 5, 2))) {
		size_t before = at - block, length = 0;

		if (before >= 7 && !memcmp(at - 7, long_form, sizeof(long_form)))
			length = sizeof(long_form);
		else if (before >= 5 && !memcmp(at - 5, short_form, sizeof(short_form)))
			length = sizeof(short_form);
		at += 2;
		if (length && vec_push(found, (struct known_range){vaddr + (at - block) - length,
						      vaddr + (at - block), UNWIND_SIGNAL}))
			return -ENOMEM;
	}
	return 0;
}

static int scan_signal_returns_arm64(
	const uint8_t *block, size_t size, uint64_t vaddr, known_range_vec *found)
{
	const uint8_t *at = block, *end = block + size;

	while ((at = memmem(at, end - at, arm64_form, sizeof(arm64_form)))) {
		uint64_t start = vaddr + (at - block);

		if (!(start & 3) &&
			vec_push(found, (struct known_range){
						start, start + sizeof(arm64_form), UNWIND_SIGNAL}))
			return -ENOMEM;
		at += sizeof(arm64_form);
	}
	return 0;
}

/*
 * Where a fiber's function returns to in Boost.Context and bthread (make_fcontext, label finish):
 * xor %rdi, %rdi; call _exit; hlt. It stands on the new stack as if it had called the function.
 */
static int scan_fiber_starts(
	const uint8_t *block, size_t size, uint64_t vaddr, known_range_vec *found)
{
	static const uint8_t clear_and_call[] = {0x48, 0x31, 0xff, 0xe8};
	const size_t length = sizeof(clear_and_call) + 4 + 1;
	const uint8_t *at = block, *end = block + size;

	while ((at = memmem(at, end - at, clear_and_call, sizeof(clear_and_call)))) {
		uint64_t start = vaddr + (at - block);

		if ((size_t)(end - at) < length)
			break;
		if (at[length - 1] == 0xf4 /* hlt */ &&
			vec_push(found, (struct known_range){start, start + length, UNWIND_END}))
			return -ENOMEM;
		at += length;
	}
	return 0;
}

/* Whether an indirect call (ff /2) ends at @at: through a register, or memory at up to 8 bits. */
static bool ends_with_indirect_call(const uint8_t *block, const uint8_t *at)
{
	for (int length = 2; length <= 4; length++)
		if (at - block >= length && at[-length] == 0xff && (at[1 - length] & 0x38) == 0x10)
			return true;
	return false;
}

/* Length of the instruction before @at that makes the result of a call the argument of the next. */
static size_t find_argument_move(const uint8_t *block, const uint8_t *at)
{
	static const uint8_t from_rax[] = {0x48, 0x89, 0xc7}, from_long[] = {0x48, 0x63, 0xf8};

	if (at - block >= 3 && (!memcmp(at - 3, from_rax, 3) || !memcmp(at - 3, from_long, 3)))
		return 3;
	return at - block >= 2 && !memcmp(at - 2, from_rax + 1, 2) ? 2 : 0;
}

void known_code__read_symbols(const struct elf_image *image, struct known_symbols *symbols)
{
	struct elf_wanted wanted[] = {
		{.name = "exit"}, {.name = "__libc_start_main"}, {.name = "pthread_exit"}};

	symbols->are_read = true;
	if (elf_file__find_symbols(image->file, ELF_ANY_TABLE, wanted, 3) > 0) {
		symbols->exit = wanted[0].symbol.value;
		symbols->libc_start_main = wanted[1].symbol.value;
		symbols->pthread_exit = wanted[2].symbol.value;
	}
}

static bool is_near(uint64_t a, uint64_t b, uint64_t distance)
{
	return a && b && (a > b ? a - b : b - a) <= distance;
}

/*
 * musl 1.2: libc_start_main_stage2 ends with exit(main(...)), beside __libc_start_main, which jumps
 * to it; start and start_c11 with __pthread_exit(function(argument)), in the file that has
 * pthread_exit too. Nothing returns to what called these.
 */
static bool is_base_call(const struct elf_image *image, struct known_symbols *symbols,
	uint64_t call, uint64_t callee)
{
	if (!symbols->are_read)
		known_code__read_symbols(image, symbols);
	if (callee == symbols->exit)
		return is_near(call, symbols->libc_start_main, 512);
	return callee == symbols->pthread_exit && is_near(call, symbols->pthread_exit, 4096);
}

static int scan_bases(const struct elf_image *image, struct known_symbols *symbols,
	const uint8_t *block, size_t size, uint64_t vaddr, known_range_vec *found)
{
	const uint8_t *at = block, *end = block + size;

	while (end - at >= 5 && (at = memchr(at, 0xe8, end - at - 4))) {
		uint64_t call = vaddr + (at - block);
		size_t move = find_argument_move(block, at);
		int32_t distance;

		memcpy(&distance, ++at, sizeof(distance));
		if (!move || !ends_with_indirect_call(block, at - 1 - move) ||
			!is_base_call(image, symbols, call, call + 5 + distance))
			continue;
		if (vec_push(found, (struct known_range){call - move, call + 5, UNWIND_END}))
			return -ENOMEM;
	}
	return 0;
}

static int scan_block(const struct elf_image *image, struct known_symbols *symbols,
	const uint8_t *block, size_t size, uint64_t vaddr, known_range_vec *found)
{
	int err;

	if (image->machine == EM_AARCH64)
		return scan_signal_returns_arm64(block, size, vaddr, found);
	err = scan_signal_returns(block, size, vaddr, found);
	if (!err)
		err = scan_fiber_starts(block, size, vaddr, found);
	return err ? err : scan_bases(image, symbols, block, size, vaddr, found);
}

static int compare_ranges(const void *left, const void *right)
{
	const struct known_range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

int known_code__find(const struct elf_image *image, struct known_symbols *symbols, uint64_t start,
	uint64_t end, known_range_vec *found)
{
	uint64_t offset, left;
	int err = 0;

	if (end <= start)
		return 0;
	while (!err && end - start >= SHORTEST) {
		size_t size = end - start < BLOCK_SIZE ? end - start : BLOCK_SIZE;
		const uint8_t *block;

		left = find_text(image, start, &offset);
		if (left < size)
			size = left;
		if (size < SHORTEST || symbols->scanned > KNOWN_CODE_MAX_SCAN)
			break;
		symbols->scanned += size;
		block = elf_file__bytes(image->file, offset, size);
		err = block ? scan_block(image, symbols, block, size, start, found) : -EBADMSG;
		if (size == left || size == end - start)
			break;
		start += size - BLOCK_OVERLAP;
	}
	if (found->size)
		qsort(found->data, found->size, sizeof(*found->data), compare_ranges);
	return err;
}

/* The first @size bytes of the code at @vaddr, or NULL. */
static const uint8_t *code_at(const struct elf_image *image, uint64_t vaddr, size_t size)
{
	uint64_t offset;

	if (find_text(image, vaddr, &offset) < size)
		return NULL;
	return elf_file__bytes(image->file, offset, size);
}

/* Behind bti c, which is a nop where the file is built without it. */
static const uint8_t *skip_landing_pad(const uint8_t *code)
{
	static const uint8_t bti[] = {0x5f, 0x24, 0x03, 0xd5}, nop[] = {0x1f, 0x20, 0x03, 0xd5};

	return memcmp(code, bti, sizeof(bti)) && memcmp(code, nop, sizeof(nop)) ? code : code + 4;
}

/* mov x0, x19; cbnz x0, setcontext; b exit: glibc since 2.17. */
static bool is_context_start_arm64(const struct elf_image *image, uint64_t start, uint64_t end)
{
	static const uint8_t move[] = {0xe0, 0x03, 0x13, 0xaa};
	const uint8_t *code;

	if (end - start < 12 || end - start > 24)
		return false;
	code = code_at(image, start, 12);
	code = code ? skip_landing_pad(code) : NULL;
	return code && !memcmp(code, move, sizeof(move)) && !(code[4] & 0x1f) && code[7] == 0xb5;
}

bool known_code__is_context_start(const struct elf_image *image, uint64_t start, uint64_t end)
{
	/* mov %rbx, %rsp; mov (%rsp), %rdi; test %rdi, %rdi: glibc since 2.3, always 26 bytes. */
	static const uint8_t bytes[] = {0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0x85, 0xff};
	const uint8_t *code;

	if (image->machine == EM_AARCH64)
		return is_context_start_arm64(image, start, end);
	if (end - start < 16 || end - start > 40)
		return false;
	code = code_at(image, start, sizeof(bytes));
	return code && !memcmp(code, bytes, sizeof(bytes));
}

/* mov x29, #0: AAPCS64 asks for it; mov x0, sp; bl: ld.so. */
static bool is_start_arm64(const struct elf_image *image)
{
	static const uint8_t clear_fp[] = {0x1d, 0x00, 0x80, 0xd2};
	static const uint8_t loader[] = {0xe0, 0x03, 0x00, 0x91};
	const uint8_t *at = code_at(image, image->entry, 12);

	if (!at)
		return false;
	at = skip_landing_pad(at);
	return !memcmp(at, clear_fp, sizeof(clear_fp)) ||
	       (!memcmp(at, loader, sizeof(loader)) && at[7] >> 2 == 0x25);
}

bool known_code__is_start(const struct elf_image *image)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	/* xor %ebp, %ebp and xor %rbp, %rbp: the psABI asks for it; mov %rsp, %rdi; call: ld.so. */
	static const uint8_t clear_ebp[] = {0x31, 0xed};
	static const uint8_t clear_rbp[] = {0x48, 0x31, 0xed};
	static const uint8_t loader[] = {0x48, 0x89, 0xe7, 0xe8};
	const uint8_t *at;

	if (!image->entry)
		return false;
	if (image->machine == EM_AARCH64)
		return is_start_arm64(image);
	at = code_at(image, image->entry, 8);
	if (!at)
		return false;
	if (!memcmp(at, endbr64, sizeof(endbr64)))
		at += sizeof(endbr64);
	return !memcmp(at, clear_ebp, sizeof(clear_ebp)) ||
	       !memcmp(at, clear_rbp, sizeof(clear_rbp)) || !memcmp(at, loader, sizeof(loader));
}
