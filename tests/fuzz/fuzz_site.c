/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as the code of a function, of both machines. The first byte says what is asked. */
#include <elf.h>
#include <stdlib.h>

#include "probe/site.h"

#define ADDRESS 0x400000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decoder *decoders[2];
	uint8_t asked;

	if (!decoders[0]) {
		decoders[0] = decoder__new(EM_X86_64, true, NULL);
		decoders[1] = decoder__new(EM_AARCH64, false, NULL);
	}
	if (size < 2)
		return 0;
	asked = data[0];
	for (int i = 0; i < 2; i++) {
		struct chosen_site site = site__choose(decoders[i], data + 1, size - 1, size - 1,
			ADDRESS, (struct site_needs){asked & 63, asked & 64});

		if (site.offset >= size - 1)
			abort();
		decoder__read_stub(decoders[i], data + 1, size - 1, ADDRESS);
	}
	return 0;
}
