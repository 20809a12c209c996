/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "python/line_table.h"
#include "symbols/names.h"

struct code_key {
	uint32_t image;
	uint32_t identity;
	uint64_t address;
};

static inline uint64_t code_key_hash(struct code_key key)
{
	return hash_combine(hash_combine(key.image, key.identity), key.address);
}

static inline bool code_key_equal(struct code_key a, struct code_key b)
{
	return a.image == b.image && a.identity == b.identity && a.address == b.address;
}

/* Strings are interned: equal texts are one pointer. */
struct known_code {
	const char *function; /* NULL: it could not be read */
	const char *file;
	uint8_t *lines;
	size_t lines_size;
	uint32_t first_line;
};

/* Code objects that are kept, 0.4 KB each; of a program that keeps making more, later ones are not.
 */
#define MAX_CODES (1u << 19)

DEFINE_HASH(code_map, struct code_key, struct known_code, code_key_hash, code_key_equal);

static inline uint64_t frame_hash(struct python_frame frame)
{
	return hash_combine(
		hash_combine((uintptr_t)frame.function, (uintptr_t)frame.file), frame.line);
}

static inline bool frame_equal(struct python_frame a, struct python_frame b)
{
	return a.function == b.function && a.file == b.file && a.line == b.line;
}

DEFINE_HASH(number_map, struct python_frame, uint32_t, frame_hash, frame_equal);

/* Frames lie in blocks, which never move: they are read while others are added. */
#define BLOCK_FRAMES 4096
#define MAX_BLOCKS 4096

struct python_frames {
	struct names *names;
	struct code_map codes;
	struct number_map numbers;
	struct python_frame *blocks[MAX_BLOCKS];
	uint32_t count;
};

struct python_frames *python_frames__new(void)
{
	struct python_frames *frames = calloc(1, sizeof(*frames));

	if (frames)
		frames->names = names__new();
	if (frames && frames->names)
		return frames;
	free(frames);
	return NULL;
}

void python_frames__free(struct python_frames *frames)
{
	if (!frames)
		return;
	hash_for_each (slot, &frames->codes)
		free(slot->value.lines);
	code_map__free(&frames->codes);
	number_map__free(&frames->numbers);
	for (size_t i = 0; i < MAX_BLOCKS; i++)
		free(frames->blocks[i]);
	names__free(frames->names);
	free(frames);
}

static uint32_t number_of(struct python_frames *frames, struct python_frame frame)
{
	uint32_t block = frames->count / BLOCK_FRAMES;
	uint32_t *number = number_map__find(&frames->numbers, frame);

	if (number)
		return *number;
	if (block == MAX_BLOCKS)
		return 0;
	if (!frames->blocks[block])
		frames->blocks[block] = calloc(BLOCK_FRAMES, sizeof(frame));
	number = frames->blocks[block] ? number_map__insert(&frames->numbers, frame) : NULL;
	if (!number)
		return 0;
	frames->blocks[block][frames->count % BLOCK_FRAMES] = frame;
	*number = frames->count + 1;
	/* The frame is there before its number is valid: others look numbers up meanwhile. */
	__atomic_store_n(&frames->count, *number, __ATOMIC_RELEASE);
	return *number;
}

static bool read_code(struct python_frames *frames, const struct python_process *process,
	const struct python_place *place, struct known_code *known)
{
	struct python_code code;
	bool same = !python_code__read(&process->memory, process->layout, place->code, &code) &&
		    code.identity == place->identity;

	if (same) {
		known->function = names__intern(frames->names, code.name);
		known->file = names__intern(frames->names, code.file);
		known->lines = code.lines;
		known->lines_size = code.lines_size;
		known->first_line = code.first_line;
		code.lines = NULL;
	}
	python_code__free(&code);
	return same;
}

static uint32_t number_at(struct python_frames *frames, int minor, const struct known_code *known,
	const struct python_place *place)
{
	struct python_frame frame = {0};

	/* It was freed, and perhaps another one took its place. */
	if (!known || !known->function)
		return number_of(frames, frame);
	frame.function = known->function;
	frame.file = known->file;
	if (place->offset != UINT32_MAX)
		frame.line = line_table__find(
			minor, known->lines, known->lines_size, known->first_line, place->offset);
	return number_of(frames, frame);
}

uint32_t python_frames__resolve(struct python_frames *frames, const struct python_process *process,
	uint32_t image, const struct python_place *place)
{
	struct code_key key = {image, place->identity, place->code};
	struct known_code *known = code_map__find(&frames->codes, key), read = {0};

	if (!known && frames->codes.size < MAX_CODES && read_code(frames, process, place, &read)) {
		known = code_map__insert(&frames->codes, key);
		if (!known) {
			free(read.lines);
			return 0;
		}
		*known = read;
	}
	return number_at(frames, process->layout->minor, known, place);
}

uint32_t python_frames__known(
	struct python_frames *frames, int minor, uint32_t image, const struct python_place *place)
{
	struct code_key key = {image, place->identity, place->code};

	return number_at(frames, minor, code_map__find(&frames->codes, key), place);
}

int python_frames__take_code(
	struct python_frames *frames, const struct event_python_code *event, size_t size)
{
	struct code_key key;
	char name[PYTHON_NAME_SIZE], file[PYTHON_PATH_SIZE];
	struct known_code *known;

	if (size < sizeof(*event) || event->lines_size > size - sizeof(*event))
		return 0;
	key = (struct code_key){event->image, event->identity, event->code};
	if (code_map__find(&frames->codes, key) || frames->codes.size >= MAX_CODES)
		return 0;
	if (!event->name.length)
		return 0;
	known = code_map__insert(&frames->codes, key);
	if (!known)
		return -ENOMEM;
	python_text__decode(&event->name, event->name_bytes, PYTHON_SENT_NAME, name, sizeof(name));
	python_text__decode(&event->file, event->file_bytes, PYTHON_SENT_FILE, file, sizeof(file));
	known->function = names__intern(frames->names, name);
	known->file = names__intern(frames->names, file);
	known->first_line = event->first_line;
	known->lines = malloc(event->lines_size + 1);
	if (!known->lines)
		return -ENOMEM;
	memcpy(known->lines, event->lines, event->lines_size);
	known->lines_size = event->lines_size;
	return 0;
}

const struct python_frame *python_frames__get(const struct python_frames *frames, uint32_t number)
{
	if (!number || number > __atomic_load_n(&frames->count, __ATOMIC_ACQUIRE))
		return NULL;
	return &frames->blocks[(number - 1) / BLOCK_FRAMES][(number - 1) % BLOCK_FRAMES];
}

bool python_frame__is_lost(const struct python_frame *frame)
{
	return !frame->function;
}
