/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Any bytes as a request's target and headers: what is accepted is within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "process/container.h"
#include "serve/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_query(const char *target)
{
	struct request_query query;
	const char *why;
	int err = request__parse(target, &query, &why);

	if (query.seconds > REQUEST_MAX_SECONDS ||
		strnlen(query.path, sizeof(query.path)) == sizeof(query.path))
		abort();
	if (!err && (query.path[0] != '/' || strchr(query.path, '?') || query.pid < 0))
		abort();
	if (!why)
		abort();
}

static void check_container(const char *cgroups)
{
	struct container container;

	container__parse(cgroups, &container);
	if (*container.id && (strlen(container.id) != CONTAINER_ID_SIZE - 1 ||
				     !container__matches(&container, container.id)))
		abort();
	if (*container.pod && strlen(container.pod) != CONTAINER_POD_SIZE - 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	check_query(text);
	check_container(text);
	request__wants_open_metrics(text);
	if (request__is_authorized(text, ""))
		abort();
	if (request__is_authorized(text, "secret") &&
		(strlen(text) != 13 || strcmp(text + 7, "secret")))
		abort();
	free(text);
	return 0;
}
