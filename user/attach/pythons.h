/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Tells the BPF programs where the traced processes keep their Python frames. One thread. */
#ifndef MEMTRACE_ATTACH_PYTHONS_H
#define MEMTRACE_ATTACH_PYTHONS_H

#include "process/spaces.h"
#include "python/runtimes.h"
#include "tracer_shared.h"

struct pythons;

/* @map_fd: the map python_spaces. Both stay the caller's. NULL: no memory. */
struct pythons *pythons__new(int map_fd, struct tracer_shared *shared);
void pythons__free(struct pythons *pythons);

/* The code of image @process of @pid is now @view. */
void pythons__set(
	struct pythons *pythons, uint32_t process, pid_t pid, const struct space_view *view);
/* The image is gone. */
void pythons__drop(struct pythons *pythons, uint32_t process);

#endif
