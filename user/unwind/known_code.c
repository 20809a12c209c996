#include "unwind/known_code.h"

#include <stdlib.h>
#include <string.h>

/* mov $15, %rax (sign extended) or %eax: __NR_rt_sigreturn; then syscall. */
static const uint8_t long_form[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
static const uint8_t short_form[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};

/* Text is read in blocks of this size, which overlap by the longest form. */
#define BLOCK_SIZE (1u << 20)

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

static int scan_block(const uint8_t *block, size_t size, uint64_t vaddr, signal_return_vec *found)
{
	const uint8_t *at = block, *end = block + size;

	while ((at = memmem(at, end - at, short_form + 5, 2))) {
		size_t before = at - block, length = 0;

		if (before >= 7 && !memcmp(at - 7, long_form, sizeof(long_form)))
			length = sizeof(long_form);
		else if (before >= 5 && !memcmp(at - 5, short_form, sizeof(short_form)))
			length = sizeof(short_form);
		at += 2;
		if (length && vec_push(found,
				      (struct signal_return){.start = vaddr + (at - block) - length,
					      .end = vaddr + (at - block)}))
			return -ENOMEM;
	}
	return 0;
}

int known_code__find_signal_returns(
	const struct elf_image *image, uint64_t start, uint64_t end, signal_return_vec *found)
{
	uint64_t offset, left;
	uint8_t *block;
	int ret = 0;

	if (image->machine != EM_X86_64 || end <= start || end - start < sizeof(short_form))
		return 0;
	block = malloc(end - start < BLOCK_SIZE ? end - start : BLOCK_SIZE);
	if (!block)
		return -ENOMEM;
	while (!ret && end - start >= sizeof(short_form)) {
		size_t size = end - start < BLOCK_SIZE ? end - start : BLOCK_SIZE;

		left = find_text(image, start, &offset);
		if (left < size)
			size = left;
		if (size < sizeof(short_form))
			break;
		ret = elf_image__read(image, offset, block, size);
		if (!ret)
			ret = scan_block(block, size, start, found);
		if (size == left || size == end - start)
			break;
		start += size - sizeof(long_form);
	}
	free(block);
	return ret;
}

bool known_code__is_start(const struct elf_image *image)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	/* xor %ebp, %ebp and xor %rbp, %rbp: the psABI asks for it; mov %rsp, %rdi; call: ld.so. */
	static const uint8_t clear_ebp[] = {0x31, 0xed};
	static const uint8_t clear_rbp[] = {0x48, 0x31, 0xed};
	static const uint8_t loader[] = {0x48, 0x89, 0xe7, 0xe8};
	uint8_t code[8];
	const uint8_t *at = code;
	uint64_t offset;

	if (image->machine != EM_X86_64 || !image->entry ||
		find_text(image, image->entry, &offset) < sizeof(code) ||
		elf_image__read(image, offset, code, sizeof(code)))
		return false;
	if (!memcmp(at, endbr64, sizeof(endbr64)))
		at += sizeof(endbr64);
	return !memcmp(at, clear_ebp, sizeof(clear_ebp)) ||
	       !memcmp(at, clear_rbp, sizeof(clear_rbp)) || !memcmp(at, loader, sizeof(loader));
}
