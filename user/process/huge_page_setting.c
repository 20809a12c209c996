/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/huge_page_setting.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define FOLDER "/sys/kernel/mm/transparent_hugepage/"

struct huge_page_setting huge_pages__setting(void)
{
	struct huge_page_setting setting = {.never = true};
	char *text;
	size_t size;

	if (!file__read(FOLDER "enabled", 256, &text, &size)) {
		setting.always = strstr(text, "[always]") != NULL;
		setting.never = strstr(text, "[never]") != NULL;
		free(text);
	}
	if (!file__read(FOLDER "hpage_pmd_size", 256, &text, &size)) {
		setting.bytes = strtoull(text, NULL, 10);
		free(text);
	}
	return setting;
}
