/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/new_file.h"
#include "stream/recording_codec.h"
#include "stream/recording_frame.h"

/* A batch becomes a frame: large enough to compress, small enough for the cache. */
#define BATCH_SIZE (256u << 10)
/* Batches that wait to be written: some seconds of a fast target. */
#define QUEUE_LENGTH 32

struct batch {
	enum recording_frame_type type;
	uint32_t records;
	struct wire_out out;
};

struct recorder {
	struct new_file file;
	char *path;
	uint64_t written; /* bytes of whole frames */
	bool is_regular;  /* what a failed write left can be cut off */

	/* the ring's reader */
	struct codec_state state;
	struct batch *events; /* being filled; NULL where there was no memory */
	VEC(bool) modules;    /* by id: in the recording */
	uint64_t records;     /* in batches before this one, and those that never got into one */

	/* the main thread */
	struct wire_out names;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t room;
	struct batch *queue[QUEUE_LENGTH];
	struct batch *spare; /* written, its memory good for the next; NULL: none */
	size_t first, queued;
	bool writing; /* a batch that is no longer queued */
	bool closing;
	atomic_uint_least64_t missing;
	atomic_bool has_gap; /* modules that were put may be missing */
	int error;
};

/* --- the writer's thread */

static int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= n;
	}
	return 0;
}

/* A part of a frame must not stay: those that come later could not be found behind it. */
static void cut_back(struct recorder *recorder)
{
	if (!recorder->is_regular)
		return;
	if (ftruncate(recorder->file.fd, recorder->written) ||
		lseek(recorder->file.fd, recorder->written, SEEK_SET) < 0)
		recorder->is_regular = false;
}

static int write_bytes(struct recorder *recorder, const void *data, size_t size)
{
	int err = write_all(recorder->file.fd, data, size);

	if (err)
		cut_back(recorder);
	else
		recorder->written += size;
	return err;
}

static void lose_batch(struct recorder *recorder, const struct batch *batch)
{
	atomic_fetch_add(&recorder->missing, batch->records);
	if (batch->type == RECORDING_EVENTS)
		atomic_store(&recorder->has_gap, true);
}

static void write_batch(
	struct recorder *recorder, struct frame_writer *writer, const struct batch *batch)
{
	const uint8_t *frame;
	long size = -EIO;
	int err;

	/* A pipe that broke, or a file that cannot be cut back: nothing behind it is readable. */
	if (!recorder->error || recorder->is_regular)
		size = frame_writer__seal(writer, batch->type, batch->records,
			batch->out.bytes.data, batch->out.bytes.size, &frame);
	err = size < 0 ? (int)size : write_bytes(recorder, frame, size);
	if (!err)
		return;
	lose_batch(recorder, batch);
	pthread_mutex_lock(&recorder->lock);
	if (!recorder->error)
		recorder->error = err;
	pthread_mutex_unlock(&recorder->lock);
}

static void free_batch(struct batch *batch)
{
	if (batch)
		vec_free(&batch->out.bytes);
	free(batch);
}

/* The next batch; NULL at the end. */
static struct batch *take_batch(struct recorder *recorder)
{
	struct batch *batch = NULL;

	pthread_mutex_lock(&recorder->lock);
	recorder->writing = false;
	pthread_cond_broadcast(&recorder->room);
	while (!recorder->queued && !recorder->closing)
		pthread_cond_wait(&recorder->work, &recorder->lock);
	if (recorder->queued) {
		batch = recorder->queue[recorder->first];
		recorder->first = (recorder->first + 1) % QUEUE_LENGTH;
		recorder->queued--;
		recorder->writing = true;
	}
	pthread_mutex_unlock(&recorder->lock);
	return batch;
}

/* A new batch is memory that the kernel must clear: use what has been written again. */
static void keep_spare(struct recorder *recorder, struct batch *batch)
{
	struct batch *other = batch;

	if (batch->type == RECORDING_EVENTS) {
		batch->out.bytes.size = 0;
		batch->records = 0;
		pthread_mutex_lock(&recorder->lock);
		other = recorder->spare;
		recorder->spare = batch;
		pthread_mutex_unlock(&recorder->lock);
	}
	free_batch(other);
}

static void *write_batches(void *context)
{
	struct recorder *recorder = context;
	struct frame_writer *writer = frame_writer__new();
	struct batch *batch;

	while ((batch = take_batch(recorder))) {
		if (writer)
			write_batch(recorder, writer, batch);
		else
			lose_batch(recorder, batch);
		keep_spare(recorder, batch);
	}
	frame_writer__free(writer);
	return NULL;
}

/* --- the queue */

/* Takes @batch over. Only a thread that may wait waits for room. */
static void queue_batch(struct recorder *recorder, struct batch *batch, bool may_wait)
{
	pthread_mutex_lock(&recorder->lock);
	while (may_wait && recorder->queued == QUEUE_LENGTH)
		pthread_cond_wait(&recorder->room, &recorder->lock);
	if (recorder->queued < QUEUE_LENGTH) {
		recorder->queue[(recorder->first + recorder->queued++) % QUEUE_LENGTH] = batch;
		batch = NULL;
		pthread_cond_signal(&recorder->work);
	}
	pthread_mutex_unlock(&recorder->lock);
	if (batch)
		lose_batch(recorder, batch);
	free_batch(batch);
}

static struct batch *new_batch(enum recording_frame_type type, size_t capacity)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->type = type;
	if (!vec_reserve(&batch->out.bytes, capacity))
		return batch;
	free(batch);
	return NULL;
}

/* Makes a batch of what is in @out, which is empty then. */
static void queue_bytes(
	struct recorder *recorder, enum recording_frame_type type, struct wire_out *out)
{
	struct batch *batch = out->failed ? NULL : new_batch(type, 0);

	if (!batch) {
		vec_free(&out->bytes);
		pthread_mutex_lock(&recorder->lock);
		recorder->error = recorder->error ? recorder->error : -ENOMEM;
		pthread_mutex_unlock(&recorder->lock);
	} else {
		vec_free(&batch->out.bytes);
		batch->out = *out;
		queue_batch(recorder, batch, true);
	}
	*out = (struct wire_out){0};
}

/* --- records */

void recorder__flush(struct recorder *recorder)
{
	struct batch *full = recorder->events;

	if (full && !full->out.bytes.size)
		return;
	recorder->events = NULL;
	if (full) {
		recorder->records += full->records;
		queue_batch(recorder, full, false);
	}
	if (atomic_exchange(&recorder->has_gap, false))
		recorder->modules.size = 0;
}

/* The batch, with room for @size bytes and a record; NULL without memory. */
static struct batch *batch_for(struct recorder *recorder, size_t size)
{
	struct batch *batch = recorder->events;

	if (batch && batch->out.bytes.size + size + CODEC_MAX_RECORD <= BATCH_SIZE)
		return batch;
	recorder__flush(recorder);
	if (recorder->events)
		return recorder->events;
	memset(&recorder->state, 0, sizeof(recorder->state));
	pthread_mutex_lock(&recorder->lock);
	recorder->events = recorder->spare;
	recorder->spare = NULL;
	pthread_mutex_unlock(&recorder->lock);
	if (!recorder->events)
		recorder->events = new_batch(RECORDING_EVENTS, BATCH_SIZE);
	return recorder->events;
}

static void put_item(struct recorder *recorder, enum codec_item item,
	const struct wire_out *payload, uint32_t records)
{
	size_t size = payload->bytes.size;
	struct batch *batch = batch_for(recorder, size);
	struct wire_out *out;

	if (!batch || payload->failed || size + CODEC_MAX_RECORD > BATCH_SIZE) {
		recorder->records += records;
		atomic_fetch_add(&recorder->missing, records);
		atomic_store(&recorder->has_gap, true);
		return;
	}
	out = &batch->out;
	out->bytes.size += codec__encode_item(item, size, out->bytes.data + out->bytes.size);
	wire__put(out, payload->bytes.data, size);
	batch->records += records;
}

/* A record that needs a new batch, or is not a heap record. */
static __attribute__((noinline)) void put_other(
	struct recorder *recorder, const struct event_header *event, size_t size)
{
	struct batch *batch = batch_for(recorder, 0);
	struct wire_out other = {0};
	size_t coded = 0;

	if (batch)
		coded = codec__encode(&recorder->state, event, size,
			batch->out.bytes.data + batch->out.bytes.size);
	if (coded) {
		batch->out.bytes.size += coded;
		batch->records++;
		return;
	}
	wire__put(&other, event, size);
	put_item(recorder, ITEM_RECORD, &other, 1);
	vec_free(&other.bytes);
}

/* The hot path: what is not written here is not done for every event. */
void recorder__put_record(struct recorder *recorder, const struct event_header *event, size_t size)
{
	struct batch *batch = recorder->events;
	size_t coded = 0;

	if (batch && batch->out.bytes.size <= BATCH_SIZE - CODEC_MAX_RECORD)
		coded = codec__encode(&recorder->state, event, size,
			batch->out.bytes.data + batch->out.bytes.size);
	if (!coded) {
		put_other(recorder, event, size);
		return;
	}
	batch->out.bytes.size += coded;
	batch->records++;
}

void recorder__put_stack(struct recorder *recorder, const struct recording_stack *stack)
{
	struct wire_out out = {0};

	items__put_stack(&out, stack);
	put_item(recorder, ITEM_STACK, &out, 1);
	vec_free(&out.bytes);
}

bool recorder__has_module(const struct recorder *recorder, uint32_t id)
{
	return id < recorder->modules.size && recorder->modules.data[id];
}

void recorder__put_module(struct recorder *recorder, const struct recording_module *module)
{
	struct wire_out out = {0};

	items__put_module(&out, module);
	put_item(recorder, ITEM_MODULE, &out, 0);
	vec_free(&out.bytes);
	while (recorder->modules.size <= module->id)
		if (vec_push(&recorder->modules, false))
			return;
	recorder->modules.data[module->id] = true;
}

void recorder__put_process(struct recorder *recorder, const struct recording_process *process)
{
	struct wire_out out = {0};

	items__put_process(&out, process);
	put_item(recorder, ITEM_PROCESS, &out, 0);
	vec_free(&out.bytes);
}

void recorder__put_begin(struct recorder *recorder, uint64_t start_ns)
{
	struct wire_out out = {0};

	wire__put_u64(&out, start_ns);
	put_item(recorder, ITEM_BEGIN, &out, 0);
	vec_free(&out.bytes);
}

/* --- the rest */

void recorder__put_run(struct recorder *recorder, const struct recording_run *run)
{
	struct wire_out out = {0};

	items__put_run(&out, run);
	queue_bytes(recorder, RECORDING_RUN, &out);
}

void recorder__put_status(struct recorder *recorder, const struct recording_status *status)
{
	struct recording_status now = *status;
	struct wire_out out = {0};

	if (recorder->names.bytes.size)
		queue_bytes(recorder, RECORDING_NAMES, &recorder->names);
	now.missing = atomic_load(&recorder->missing);
	items__put_status(&out, &now);
	queue_bytes(recorder, RECORDING_STATUS, &out);
}

static void put_documents(struct recorder *recorder, enum recording_frame_type type,
	const struct recording_locks *documents)
{
	struct wire_out out = {0};

	items__put_locks(&out, documents);
	/* Beyond what a reader takes; a report of so many waits would serve nobody. */
	if (out.bytes.size <= RECORDING_MAX_RAW)
		queue_bytes(recorder, type, &out);
	vec_free(&out.bytes);
}

void recorder__put_locks(struct recorder *recorder, const struct recording_locks *locks)
{
	put_documents(recorder, RECORDING_LOCKS, locks);
}

void recorder__put_leaks(struct recorder *recorder, const struct recording_locks *leaks)
{
	put_documents(recorder, RECORDING_LEAKS, leaks);
}

void recorder__put_name(struct recorder *recorder, const struct recording_name *name)
{
	items__put_name(&recorder->names, name);
	if (recorder->names.failed || recorder->names.bytes.size >= BATCH_SIZE)
		queue_bytes(recorder, RECORDING_NAMES, &recorder->names);
}

struct recorder_state recorder__drain(struct recorder *recorder)
{
	struct recorder_state state;

	recorder__flush(recorder);
	pthread_mutex_lock(&recorder->lock);
	while (recorder->queued || recorder->writing)
		pthread_cond_wait(&recorder->room, &recorder->lock);
	state = (struct recorder_state){
		.records = recorder->records,
		.missing = atomic_load(&recorder->missing),
		.bytes = recorder->written,
		.error = recorder->error,
	};
	pthread_mutex_unlock(&recorder->lock);
	return state;
}

/* --- opening and closing */

static void free_recorder(struct recorder *recorder)
{
	new_file__close(&recorder->file);
	free_batch(recorder->events);
	free_batch(recorder->spare);
	vec_free(&recorder->modules);
	vec_free(&recorder->names.bytes);
	free(recorder->path);
	free(recorder);
}

static int open_file(struct recorder *recorder, const char *path, struct error *error)
{
	struct recording_head head = frame__make_head();
	struct stat st;
	int err;

	recorder->path = strdup(path);
	if (!recorder->path)
		return error__set(error, -ENOMEM, "out of memory for the recording");
	err = new_file__open(&recorder->file, path, error);
	if (err)
		return err;
	if (fstat(recorder->file.fd, &st))
		return error__set(error, -errno, "cannot record to %s: %m", path);
	recorder->is_regular = S_ISREG(st.st_mode);
	err = write_bytes(recorder, &head, sizeof(head));
	if (err)
		error__set(error, err, "cannot record to %s: %s", path, strerror(-err));
	return err;
}

struct recorder *recorder__open(const char *path, struct error *error)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int err;

	if (!recorder) {
		error__set(error, -ENOMEM, "out of memory for the recording");
		return NULL;
	}
	recorder->file = (struct new_file){.fd = -1, .place.folder = -1};
	if (open_file(recorder, path, error)) {
		free_recorder(recorder);
		return NULL;
	}
	pthread_mutex_init(&recorder->lock, NULL);
	pthread_cond_init(&recorder->work, NULL);
	pthread_cond_init(&recorder->room, NULL);
	err = pthread_create(&recorder->thread, NULL, write_batches, recorder);
	if (!err)
		return recorder;
	error__set(error, -err, "cannot start the recording's thread: %s", strerror(err));
	free_recorder(recorder);
	return NULL;
}

int recorder__appear(struct recorder *recorder, struct error *error)
{
	int err = new_file__appear(&recorder->file);

	return err ? error__set(
			     error, err, "cannot record to %s: %s", recorder->path, strerror(-err))
		   : 0;
}

bool recorder__has_no_reader(struct recorder *recorder)
{
	bool broken;

	pthread_mutex_lock(&recorder->lock);
	broken = recorder->error == -EPIPE;
	pthread_mutex_unlock(&recorder->lock);
	return broken;
}

int recorder__close(struct recorder *recorder, struct error *error)
{
	int err;

	if (!recorder)
		return 0;
	recorder__drain(recorder);
	pthread_mutex_lock(&recorder->lock);
	recorder->closing = true;
	pthread_cond_signal(&recorder->work);
	pthread_mutex_unlock(&recorder->lock);
	pthread_join(recorder->thread, NULL);
	err = recorder->error;
	if (!err)
		err = new_file__close(&recorder->file);
	if (err)
		error__set(error, err, "the recording %s is incomplete: %s", recorder->path,
			strerror(-err));
	pthread_mutex_destroy(&recorder->lock);
	pthread_cond_destroy(&recorder->work);
	pthread_cond_destroy(&recorder->room);
	free_recorder(recorder);
	return err;
}
