/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "blocked/look.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "blocked/look_proc.h"
#include "look.lskel.h"
#include "look.skel.h"

/* include/linux/sched.h; the same since 4.14. */
#define STATE_INTERRUPTIBLE 1
#define STATE_UNINTERRUPTIBLE 2
#define STATE_STOPPED 4
#define STATE_TRACED 8
#define STATE_EXIT_DEAD 0x10
#define STATE_EXIT_ZOMBIE 0x20
#define STATE_NOLOAD 0x400

/*
 * The iterator is loaded by the kernel itself where it can (5.17): a program makes it fit, with the
 * BTF that the kernel has parsed already. libbpf reads all of that BTF (5 MB) first, which takes as
 * long as the rest of a look.
 */
struct looker {
	struct look_light *light; /* NULL: by libbpf */
	struct look_bpf *object;  /* NULL: through /proc, if there is no light one */
	struct bpf_link *link;	  /* the object's */
};

char look_thread__state(const struct look_thread *thread)
{
	if (thread->exit_state & STATE_EXIT_DEAD)
		return 'X';
	if (thread->exit_state & STATE_EXIT_ZOMBIE)
		return 'Z';
	if (thread->state & STATE_INTERRUPTIBLE)
		return 'S';
	if (thread->state & STATE_UNINTERRUPTIBLE)
		return thread->state & STATE_NOLOAD ? 'I' : 'D';
	if (thread->state & STATE_STOPPED)
		return 'T';
	return thread->state & STATE_TRACED ? 't' : 'R';
}

unsigned int looker__namespace_level(const struct looker *looker)
{
	if (looker->light)
		return looker->light->bss->reader_level;
	return looker->object ? looker->object->bss->reader_level : 0;
}

static int load_light(struct looker *looker)
{
	int err;

	looker->light = look_light__open();
	if (!looker->light)
		return -ENOMEM;
	err = look_light__load(looker->light);
	if (!err)
		err = look_light__attach(looker->light);
	if (err) {
		look_light__destroy(looker->light);
		looker->light = NULL;
	}
	return err;
}

static int load_by_libbpf(struct looker *looker)
{
	int err = -ENOMEM;

	looker->object = look_bpf__open();
	if (!looker->object)
		goto out;
	err = look_bpf__load(looker->object);
	if (err)
		goto out;
	looker->link = bpf_program__attach_iter(looker->object->progs.look_at_threads, NULL);
	err = looker->link ? 0 : -errno;
out:
	if (err) {
		bpf_link__destroy(looker->link);
		look_bpf__destroy(looker->object);
		looker->link = NULL;
		looker->object = NULL;
	}
	return err;
}

int looker__new(bool proc_only, struct looker **out, struct error *error)
{
	struct looker *looker = calloc(1, sizeof(*looker));
	int err = 0;

	if (!looker)
		return error__set(error, -ENOMEM, "out of memory");
	if (!proc_only && load_light(looker))
		err = load_by_libbpf(looker);
	if (err)
		log__debug("no iterator over threads (%s): using /proc", strerror(-err));
	*out = looker;
	return 0;
}

void looker__free(struct looker *looker)
{
	if (!looker)
		return;
	look_light__destroy(looker->light);
	bpf_link__destroy(looker->link);
	look_bpf__destroy(looker->object);
	free(looker);
}

bool looker__uses_proc(const struct looker *looker)
{
	return !looker->light && !looker->object;
}

/* The iterator hands out whole records, but a read may end inside one. */
static int read_records(int fd, look_threads *out)
{
	char buffer[64 * sizeof(struct look_thread)];
	size_t held = 0;

	for (;;) {
		ssize_t got = read(fd, buffer + held, sizeof(buffer) - held);
		size_t used = 0;

		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		held += got;
		for (; held - used >= sizeof(struct look_thread);
			used += sizeof(struct look_thread)) {
			struct look_thread thread;

			memcpy(&thread, buffer + used, sizeof(thread));
			if (vec_push(out, thread))
				return -ENOMEM;
		}
		held -= used;
		memmove(buffer, buffer + used, held);
	}
}

static int look_by_bpf(struct looker *looker, look_threads *out)
{
	int fd = bpf_iter_create(looker->light ? looker->light->links.look_at_threads_fd
					       : bpf_link__fd(looker->link));
	int err;

	if (fd < 0)
		return -errno;
	err = read_records(fd, out);
	close(fd);
	return err;
}

static int look_by_proc(const pid_t *pids, size_t pid_count, look_threads *out)
{
	int err = 0;

	if (!pid_count)
		return look_proc__add_all(out);
	for (size_t i = 0; i < pid_count && !err; i++)
		err = look_proc__add_process(pids[i], out);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct look_thread *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

int looker__look(struct looker *looker, const pid_t *pids, size_t pid_count, struct look *out,
	struct error *error)
{
	look_threads threads = {0};
	struct timespec now, day;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME, &day);
	err = looker__uses_proc(looker) ? look_by_proc(pids, pid_count, &threads)
					: look_by_bpf(looker, &threads);
	if (err) {
		vec_free(&threads);
		return error__set(error, err, "cannot look at the threads: %s", strerror(-err));
	}
	if (threads.size)
		qsort(threads.data, threads.size, sizeof(*threads.data), compare);
	*out = (struct look){
		.threads = threads.data,
		.count = threads.size,
		.taken_ns = now.tv_sec * 1000000000ull + now.tv_nsec,
		.taken_unix_ns = day.tv_sec * 1000000000ull + day.tv_nsec,
		.complete = !looker__uses_proc(looker) && !looker__namespace_level(looker),
	};
	return 0;
}

void look__free(struct look *look)
{
	free(look->threads);
	*look = (struct look){0};
}
