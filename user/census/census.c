/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "census/census.h"

#include <errno.h>
#include <string.h>

#include "census/unread.h"

int census__take(const struct census_image *image, struct census *out, struct error *err)
{
	struct error none = {0};
	int rc;

	*out = (struct census){.looks = 1, .unread = unread__allocator(image)};
	rc = survey__take(image, &out->survey, &none);
	out->has_heap = !rc;
	if (rc == -ENOENT || rc == -ENOTSUP)
		memcpy(out->no_heap, none.message, sizeof(out->no_heap));
	else if (rc)
		return error__set(err, rc, "%s", none.message);
	rc = account__take(image, out->has_heap ? &out->survey : NULL, &out->account);
	if (rc == -ESRCH)
		return error__set(err, rc, "the process ended while its heap was read");
	if (rc)
		return error__set(err, rc, "the census: %s", strerror(-rc));
	blocks__drop_free(&out->survey.blocks);
	return 0;
}

void census__free(struct census *census)
{
	survey__free(&census->survey);
}
