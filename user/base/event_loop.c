/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "base/event_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_AT_A_TIME 8

int event_loop__open(struct event_loop *loop, void *context)
{
	*loop = (struct event_loop){.context = context};
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll < 0 ? -errno : 0;
}

void event_loop__close(struct event_loop *loop)
{
	vec_for_each (source, &loop->sources)
		if (source->is_timer)
			close(source->fd);
	vec_free(&loop->sources);
	if (loop->epoll >= 0)
		close(loop->epoll);
	loop->epoll = -1;
}

static int add_source(struct event_loop *loop, struct event_source source)
{
	/* By number: the sources move when there are more. */
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = loop->sources.size};

	if (vec_push(&loop->sources, source))
		return -ENOMEM;
	if (!epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source.fd, &event))
		return 0;
	loop->sources.size--;
	return -errno;
}

int event_loop__watch(struct event_loop *loop, int fd, event_loop_fn *handle)
{
	return add_source(loop, (struct event_source){.fd = fd, .handle = handle});
}

void event_loop__forget(struct event_loop *loop, int fd)
{
	vec_for_each (source, &loop->sources) {
		if (source->fd != fd)
			continue;
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
		*source = (struct event_source){.fd = -1};
	}
}

int event_loop__time(
	struct event_loop *loop, uint64_t first_ns, uint64_t interval_ns, event_loop_fn *handle)
{
	struct itimerspec spec = {
		.it_value = {first_ns / 1000000000, first_ns % 1000000000},
		.it_interval = {interval_ns / 1000000000, interval_ns % 1000000000},
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = timerfd_settime(fd, 0, &spec, NULL) ? -errno : 0;
	if (!err)
		err = add_source(loop, (struct event_source){fd, true, handle});
	if (err)
		close(fd);
	return err;
}

static void handle_source(struct event_loop *loop, struct event_source source)
{
	uint64_t expirations;

	/* A timer that another event's handler set anew, or that was forgotten, is not due. */
	if (source.is_timer && read(source.fd, &expirations, sizeof(expirations)) < 0)
		return;
	if (source.handle)
		source.handle(loop->context, source.fd);
}

void event_loop__run(struct event_loop *loop)
{
	struct epoll_event events[EVENTS_AT_A_TIME];

	while (!loop->is_over) {
		int count = epoll_wait(loop->epoll, events, EVENTS_AT_A_TIME, -1);

		for (int i = 0; i < count && !loop->is_over; i++)
			handle_source(loop, loop->sources.data[events[i].data.u64]);
	}
}

void event_loop__end(struct event_loop *loop)
{
	loop->is_over = true;
}
