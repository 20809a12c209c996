/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/content.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

static void hash_block(void *context, const void *block, size_t size)
{
	XXH3_128bits_update(context, block, size);
}

static void hash_section(XXH3_state_t *state, const struct elf_bytes *bytes)
{
	const uint64_t place[2] = {bytes->vaddr, bytes->size};

	XXH3_128bits_update(state, place, sizeof(place));
	XXH3_128bits_update(state, bytes->data, bytes->size);
}

/* All that build.c and known_code.c look at; of the code any byte may be. */
static int hash_image(XXH3_state_t *state, const struct elf_image *image)
{
	const uint64_t head[] = {image->machine, image->type, image->text_start, image->text_end,
		image->entry, image->text_count};
	int err = 0;

	XXH3_128bits_update(state, head, sizeof(head));
	hash_section(state, &image->eh_frame);
	hash_section(state, &image->debug_frame);
	for (size_t i = 0; !err && i < image->text_count; i++) {
		const struct elf_segment *text = &image->text[i];
		const uint64_t place[3] = {text->vaddr, text->file_offset, text->size};

		XXH3_128bits_update(state, place, sizeof(place));
		err = elf_file__each_block(
			image->file, text->file_offset, text->size, hash_block, state);
	}
	return err;
}

int unwind_content__hash(const struct elf_image *image, const uint8_t secret[UNWIND_SECRET_SIZE],
	uint8_t key[UNWIND_KEY_SIZE])
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_canonical_t hash;
	int err;

	_Static_assert(sizeof(hash) == UNWIND_KEY_SIZE, "");
	_Static_assert(UNWIND_SECRET_SIZE >= XXH3_SECRET_SIZE_MIN, "");
	if (!state)
		return -ENOMEM;
	XXH3_128bits_reset_withSecret(state, secret, UNWIND_SECRET_SIZE);
	err = hash_image(state, image);
	XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(state));
	memcpy(key, &hash, sizeof(hash));
	XXH3_freeState(state);
	return err;
}
