/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/stream.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Pause between looks at an almost empty ring. The default ring takes several times this long to
 * fill at the highest rate measured (6 million records/s).
 */
#define PAUSE_MS 4

/* Longest pause, while nothing comes; a burst wakes the reader when the ring is a quarter full. */
#define MAX_PAUSE_MS 64

/* Records handed out before others get a chance at the lock. */
#define BATCH_RECORDS 32768

/* With fewer records than this in a look, the reader rests before the next. */
#define LAZY_RECORDS 1024

/* So that the reader gets the processor when targets use all of them. */
#define READER_NICE (-15)

struct stream {
	struct ring_buffer *ring;
	pthread_t thread;
	pthread_mutex_t lock;
	atomic_bool stopping;
	atomic_int waiting; /* threads that want the lock */
	atomic_size_t rounds;
	stream_sink sink;
	void *context;
	size_t batch;
};

static int hand_out(void *context, void *data, size_t size)
{
	struct stream *stream = context;

	if (size >= sizeof(struct event_header))
		stream->sink(stream->context, data, size);
	if (++stream->batch < BATCH_RECORDS)
		return 0;
	return -EAGAIN; /* the record counts as read; ends this round */
}

/* Reads one batch. Returns how many records there were. */
static size_t read_batch(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->batch = 0;
	ring_buffer__consume(stream->ring);
	pthread_mutex_unlock(&stream->lock);
	if (stream->batch < BATCH_RECORDS)
		atomic_fetch_add(&stream->rounds, 1);
	return stream->batch;
}

static void *read_ring(void *context)
{
	struct stream *stream = context;
	int epoll = epoll_create1(EPOLL_CLOEXEC), ring_epoll = ring_buffer__epoll_fd(stream->ring);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int pause = PAUSE_MS;

	/* Edge-triggered: a level would be ready whenever the ring is not empty. */
	epoll_ctl(epoll, EPOLL_CTL_ADD, ring_epoll, &event);
	setpriority(PRIO_PROCESS, gettid(), READER_NICE); /* a wish: failure is harmless */
	while (!atomic_load(&stream->stopping)) {
		size_t records = read_batch(stream);

		if (atomic_load(&stream->waiting))
			usleep(50); /* let them take the lock */
		pause = records ? PAUSE_MS : pause * 2;
		if (pause > MAX_PAUSE_MS)
			pause = MAX_PAUSE_MS;
		if (records < LAZY_RECORDS)
			epoll_wait(epoll, &event, 1, pause);
	}
	while (read_batch(stream))
		;
	close(epoll);
	return NULL;
}

struct stream *stream__start(int ring_fd, stream_sink sink, void *context, struct error *error)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int err;

	if (!stream) {
		error__set(error, -ENOMEM, "out of memory for the ring reader");
		return NULL;
	}
	stream->sink = sink;
	stream->context = context;
	stream->ring = ring_buffer__new(ring_fd, hand_out, stream, NULL);
	if (!stream->ring) {
		error__set(error, -errno, "cannot map the ring buffer: %m (lower --ring-size)");
		goto fail;
	}
	pthread_mutex_init(&stream->lock, NULL);
	err = pthread_create(&stream->thread, NULL, read_ring, stream);
	if (!err)
		return stream;
	error__set(error, -err, "cannot start the ring reader's thread");
fail:
	ring_buffer__free(stream->ring);
	free(stream);
	return NULL;
}

void stream__lock(struct stream *stream)
{
	atomic_fetch_add(&stream->waiting, 1);
	pthread_mutex_lock(&stream->lock);
	atomic_fetch_sub(&stream->waiting, 1);
}

void stream__unlock(struct stream *stream)
{
	pthread_mutex_unlock(&stream->lock);
}

size_t stream__rounds(const struct stream *stream)
{
	return atomic_load(&stream->rounds);
}

void stream__stop(struct stream *stream)
{
	if (!stream)
		return;
	atomic_store(&stream->stopping, true);
	pthread_join(stream->thread, NULL);
	ring_buffer__free(stream->ring);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}
