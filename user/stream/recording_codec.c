/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "stream/recording_codec.h"

#include <string.h>

/*
 * The control word. Fields follow in the order of these bits. The width of a number is 1 << its two
 * bits, in bytes.
 */
enum control {
	KIND_SHIFT = 0,	     /* 3 bits: enum event_kind of a heap record; 0: an item */
	THREAD_SHIFT = 3,    /* 2 bits: enum thread_code */
	SEQUENCE_SHIFT = 5,  /* 1 bit: the sequence is not the predicted one */
	TIME_SHIFT = 6,	     /* 2 bits: width of the time's difference */
	ADDRESS_SHIFT = 8,   /* 2 bits: width of the address's difference */
	SIZE_SHIFT = 10,     /* 2 bits: width of the size */
	STACK_SHIFT = 12,    /* 1 bit: the whole hash instead of a slot */
	FUNCTION_SHIFT = 13, /* 1 bit: function and flags follow */
	OLD_SHIFT = 14,	     /* 2 bits: width of the old address's difference */
	ITEM_SHIFT = 3,	     /* of an item: 13 bits of its type */
};

enum thread_code {
	THREAD_SAME = 0,  /* as the record before */
	THREAD_KNOWN = 1, /* its slot */
	THREAD_NEW = 2,	  /* its slot, process and tid */
};

/* A record with other flags tells them. */
#define COMMON_FLAGS 0

/*
 * Nearly all records need less: a thread that is known and goes on as expected, a time near the one
 * before, an aligned address near the thread's last, a small size and a known stack. Then one word
 * tells it, a second one in an ALLOC, and 1 to 4 bytes of the address's difference. These stand
 * where a kind stands in the control word.
 */
enum short_form {
	SHORT_ALLOC = 6,
	SHORT_FREE = 7,
};

enum short_word {
	SHORT_THREAD_SHIFT = 3, /* 8 bits: its slot */
	SHORT_WIDTH_SHIFT = 11, /* 2 bits: bytes of the address's difference, less 1 */
	SHORT_TIME_SHIFT = 13,	/* 19 bits: ns since the record before, and SHORT_TIME_BIAS */
	SHORT_SIZE_BITS = 20,	/* of the second word; 12 bits follow: the stack's slot */
};

/* Processors stamp their records before they queue them: one may come after a younger one. */
#define SHORT_TIME_BIAS (1u << 14)

_Static_assert((int)EVENT_REALLOC_END < (int)SHORT_ALLOC, "kinds have three bits");
_Static_assert(CODEC_THREADS == 1 << (SHORT_WIDTH_SHIFT - SHORT_THREAD_SHIFT), "8 bits are a slot");
_Static_assert(CODEC_STACKS == 1 << (32 - SHORT_SIZE_BITS), "12 bits are a slot");

/* --- numbers */

static inline uint64_t zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Addresses differ by multiples of 16: the low bits, mostly 0, go to the top. */
static inline uint64_t fold_address(uint64_t address, uint64_t base)
{
	int64_t difference = (int64_t)(address - base);

	return zigzag(difference >> 4) | (uint64_t)(difference & 15) << 60;
}

static inline uint64_t unfold_address(uint64_t folded, uint64_t base)
{
	uint64_t high = (uint64_t)unzigzag(folded & ~(15ull << 60));

	return base + (high << 4 | folded >> 60);
}

/* Logarithm of the width, in bytes, that @value needs. */
static inline unsigned int width_of(uint64_t value)
{
	return (value > 0xff) + (value > 0xffff) + (value > 0xffffffff);
}

static inline uint8_t *put(uint8_t *out, uint64_t value, unsigned int width)
{
	memcpy(out, &value, sizeof(value));
	return out + (1u << width);
}

static inline const uint8_t *get(const uint8_t *in, uint64_t *value, unsigned int width)
{
	uint64_t all;

	memcpy(&all, in, sizeof(all));
	*value = all & (UINT64_MAX >> (64 - (8u << width)));
	return in + (1u << width);
}

/* Threads of a process are numbered one after the other, and so are processes. */
static inline uint32_t thread_slot(uint32_t process, uint32_t tid)
{
	return (tid + 2 * process) % CODEC_THREADS;
}

static inline uint32_t stack_slot(uint64_t stack)
{
	return (stack ^ stack >> 32) % CODEC_STACKS;
}

/* Whether a record of this kind ends an allocation, which its thread counts. */
static inline bool counts_allocation(uint8_t kind)
{
	return kind == EVENT_ALLOC || kind == EVENT_REALLOC_END;
}

static inline bool has_size(uint8_t kind)
{
	return kind != EVENT_FREE && kind != EVENT_REALLOC_BEGIN;
}

size_t codec__record_size(uint8_t kind)
{
	switch (kind) {
	case EVENT_ALLOC:
	case EVENT_ALLOC_FAILED:
		return sizeof(struct event_alloc);
	case EVENT_FREE:
	case EVENT_REALLOC_BEGIN:
		return sizeof(struct event_free);
	case EVENT_REALLOC_END:
		return sizeof(struct event_realloc_end);
	default:
		return 0;
	}
}

/* --- encoding */

static inline uint8_t *encode_thread(struct codec_state *state, const struct event_header *event,
	uint8_t *out, uint32_t *control)
{
	struct codec_thread *thread = &state->threads[state->thread];
	uint32_t slot;

	if (thread->tid == event->tid && thread->process == event->process)
		return out;
	slot = thread_slot(event->process, event->tid);
	thread = &state->threads[slot];
	state->thread = slot;
	*out++ = slot;
	if (thread->tid == event->tid && thread->process == event->process) {
		*control |= THREAD_KNOWN << THREAD_SHIFT;
		return out;
	}
	*control |= THREAD_NEW << THREAD_SHIFT;
	memcpy(out, &event->process, sizeof(event->process));
	memcpy(out + 4, &event->tid, sizeof(event->tid));
	*thread = (struct codec_thread){.process = event->process, .tid = event->tid};
	return out + 8;
}

static inline uint8_t *encode_header(struct codec_state *state, const struct event_header *event,
	uint8_t *out, uint32_t *control)
{
	struct codec_thread *thread;
	uint64_t time;
	unsigned int width;

	out = encode_thread(state, event, out, control);
	thread = &state->threads[state->thread];
	thread->sequence += counts_allocation(event->kind);
	if (thread->sequence != event->thread_sequence) {
		*control |= 1 << SEQUENCE_SHIFT;
		memcpy(out, &event->thread_sequence, sizeof(event->thread_sequence));
		out += sizeof(event->thread_sequence);
		thread->sequence = event->thread_sequence;
	}
	time = zigzag((int64_t)(event->time_ns - state->time_ns));
	width = width_of(time);
	*control |= width << TIME_SHIFT;
	out = put(out, time, width);
	state->time_ns = event->time_ns;
	return out;
}

static inline uint8_t *encode_address(
	struct codec_thread *thread, uint64_t address, uint8_t *out, uint32_t *control)
{
	uint64_t folded = fold_address(address, thread->address);
	unsigned int width = width_of(folded);

	*control |= width << ADDRESS_SHIFT;
	thread->address = address;
	return put(out, folded, width);
}

static inline uint8_t *encode_size(
	struct codec_state *state, const struct event_alloc *event, uint8_t *out, uint32_t *control)
{
	unsigned int width = width_of(event->size);
	uint32_t slot = stack_slot(event->stack);

	*control |= width << SIZE_SHIFT;
	out = put(out, event->size, width);
	if (state->stacks[slot] == event->stack)
		return put(out, slot, 1);
	*control |= 1 << STACK_SHIFT;
	state->stacks[slot] = event->stack;
	return put(out, event->stack, 3);
}

static inline uint8_t *encode_function(struct codec_state *state, const struct event_header *event,
	uint8_t *out, uint32_t *control)
{
	if (event->function == state->functions[event->kind] && event->flags == COMMON_FLAGS)
		return out;
	*control |= 1 << FUNCTION_SHIFT;
	state->functions[event->kind] = event->function;
	*out = event->function;
	memcpy(out + 1, &event->flags, sizeof(event->flags));
	return out + 3;
}

static inline uint8_t *encode_old_address(
	uint64_t address, const struct event_realloc_end *event, uint8_t *out, uint32_t *control)
{
	uint64_t folded = fold_address(event->old_address, address);
	unsigned int width = width_of(folded);

	*control |= width << OLD_SHIFT;
	return put(out, folded, width);
}

/* Any heap record. */
static __attribute__((noinline)) size_t encode_long(
	struct codec_state *state, const struct event_header *event, size_t size, uint8_t *out)
{
	uint32_t control = event->kind << KIND_SHIFT;
	struct codec_thread *thread;
	uint8_t *at = out + 2;
	uint16_t word;

	if (!size || size != codec__record_size(event->kind))
		return 0;
	at = encode_header(state, event, at, &control);
	thread = &state->threads[state->thread];
	at = encode_address(thread, ((const struct event_free *)event)->address, at, &control);
	if (has_size(event->kind))
		at = encode_size(state, (const struct event_alloc *)event, at, &control);
	at = encode_function(state, event, at, &control);
	if (event->kind == EVENT_REALLOC_END)
		at = encode_old_address(thread->address, (const void *)event, at, &control);
	word = control;
	memcpy(out, &word, sizeof(word));
	return at - out;
}

/*
 * An ALLOC or a FREE in its short form; 0 for one that needs the long form. One branch for all that
 * may be other than expected: each difference is collected in @other.
 */
static inline size_t encode_short(
	struct codec_state *state, const struct event_header *event, uint8_t kind, uint8_t *out)
{
	const struct event_alloc *alloc = (const struct event_alloc *)event;
	const bool is_alloc = kind == EVENT_ALLOC;
	uint32_t slot = thread_slot(event->process, event->tid), stack = 0, width;
	struct codec_thread *thread = &state->threads[slot];
	uint64_t time = event->time_ns - state->time_ns + SHORT_TIME_BIAS;
	uint64_t folded = fold_address(alloc->address, thread->address);
	uint64_t known[2], told[2], other, word;

	memcpy(known, thread, sizeof(known));
	memcpy(told, event, sizeof(told));
	known[0] |= kind | state->functions[kind] << 8;
	known[1] += (uint64_t)is_alloc << 32; /* its sequence */
	other = (known[0] ^ told[0]) | (known[1] ^ told[1]) | folded >> 32 |
		time >> (32 - SHORT_TIME_SHIFT);
	if (is_alloc) {
		stack = stack_slot(alloc->stack);
		other |= (state->stacks[stack] ^ alloc->stack) | alloc->size >> SHORT_SIZE_BITS;
	}
	if (other)
		return 0;
	thread->sequence = event->thread_sequence;
	thread->address = alloc->address;
	state->thread = slot;
	state->time_ns = event->time_ns;
	width = (folded > 0xff) + (folded > 0xffff) + (folded > 0xffffff);
	word = (is_alloc ? SHORT_ALLOC : SHORT_FREE) | slot << SHORT_THREAD_SHIFT |
	       width << SHORT_WIDTH_SHIFT | (uint32_t)time << SHORT_TIME_SHIFT;
	if (is_alloc) {
		word |= (alloc->size | (uint64_t)stack << SHORT_SIZE_BITS) << 32;
		memcpy(out + sizeof(word), &folded, sizeof(folded));
	} else {
		word |= folded << 32;
	}
	memcpy(out, &word, sizeof(word));
	return (is_alloc ? 9 : 5) + width;
}

size_t codec__encode(
	struct codec_state *state, const struct event_header *event, size_t size, uint8_t *out)
{
	size_t coded = 0;

	if (event->kind == EVENT_FREE && size == sizeof(struct event_free))
		coded = encode_short(state, event, EVENT_FREE, out);
	else if (event->kind == EVENT_ALLOC && size == sizeof(struct event_alloc))
		coded = encode_short(state, event, EVENT_ALLOC, out);
	return coded ? coded : encode_long(state, event, size, out);
}

size_t codec__encode_item(enum codec_item item, uint32_t size, uint8_t *out)
{
	uint16_t word = item << ITEM_SHIFT;

	memcpy(out, &word, sizeof(word));
	memcpy(out + sizeof(word), &size, sizeof(size));
	return sizeof(word) + sizeof(size);
}

/* --- decoding */

static inline const uint8_t *decode_thread(
	struct codec_state *state, const uint8_t *in, uint32_t control)
{
	uint32_t code = control >> THREAD_SHIFT & 3;
	struct codec_thread *thread;

	if (code == THREAD_SAME)
		return in;
	state->thread = *in++;
	if (code == THREAD_KNOWN)
		return in;
	thread = &state->threads[state->thread];
	*thread = (struct codec_thread){0};
	memcpy(&thread->process, in, sizeof(thread->process));
	memcpy(&thread->tid, in + 4, sizeof(thread->tid));
	return in + 8;
}

static inline const uint8_t *decode_header(
	struct codec_state *state, const uint8_t *in, uint32_t control, struct event_header *header)
{
	struct codec_thread *thread;
	uint64_t time;

	in = decode_thread(state, in, control);
	thread = &state->threads[state->thread];
	thread->sequence += counts_allocation(header->kind);
	if (control >> SEQUENCE_SHIFT & 1) {
		memcpy(&thread->sequence, in, sizeof(thread->sequence));
		in += sizeof(thread->sequence);
	}
	in = get(in, &time, control >> TIME_SHIFT & 3);
	state->time_ns += (uint64_t)unzigzag(time);
	header->tid = thread->tid;
	header->process = thread->process;
	header->thread_sequence = thread->sequence;
	header->time_ns = state->time_ns;
	return in;
}

static inline const uint8_t *decode_size(
	struct codec_state *state, const uint8_t *in, uint32_t control, struct event_alloc *event)
{
	uint64_t size, stack;

	in = get(in, &size, control >> SIZE_SHIFT & 3);
	if (control >> STACK_SHIFT & 1) {
		in = get(in, &stack, 3);
		state->stacks[stack_slot(stack)] = stack;
	} else {
		in = get(in, &stack, 1); /* a slot */
		stack = state->stacks[stack % CODEC_STACKS];
	}
	event->size = size;
	event->stack = stack;
	return in;
}

static inline const uint8_t *decode_function(
	struct codec_state *state, const uint8_t *in, uint32_t control, struct event_header *header)
{
	if (control >> FUNCTION_SHIFT & 1) {
		state->functions[header->kind] = *in;
		memcpy(&header->flags, in + 1, sizeof(header->flags));
		in += 3;
	}
	header->function = state->functions[header->kind];
	return in;
}

/* Returns the bytes read. */
static inline size_t decode_short(
	struct codec_state *state, const uint8_t *in, bool is_alloc, union codec_record *record)
{
	struct codec_thread *thread;
	uint32_t word, second, width;
	uint64_t folded;

	memcpy(&word, in, sizeof(word));
	memcpy(&second, in + 4, sizeof(second));
	memcpy(&folded, in + (is_alloc ? 8 : 4), sizeof(folded));
	width = word >> SHORT_WIDTH_SHIFT & 3;
	folded &= UINT32_MAX >> (24 - 8 * width);
	state->thread = word >> SHORT_THREAD_SHIFT & (CODEC_THREADS - 1);
	state->time_ns += (word >> SHORT_TIME_SHIFT) - (uint64_t)SHORT_TIME_BIAS;
	thread = &state->threads[state->thread];
	thread->sequence += is_alloc;
	thread->address = unfold_address(folded, thread->address);
	record->header = (struct event_header){
		.kind = is_alloc ? EVENT_ALLOC : EVENT_FREE,
		.tid = thread->tid,
		.process = thread->process,
		.thread_sequence = thread->sequence,
		.time_ns = state->time_ns,
	};
	record->header.function = state->functions[record->header.kind];
	record->free.address = thread->address;
	if (is_alloc) {
		record->alloc.size = second & ((1u << SHORT_SIZE_BITS) - 1);
		record->alloc.stack = state->stacks[second >> SHORT_SIZE_BITS];
	}
	return (is_alloc ? 9 : 5) + width;
}

struct codec_result codec__decode(
	struct codec_state *state, const uint8_t *in, union codec_record *record)
{
	const uint8_t *at = in + 2;
	struct codec_result result = {0};
	struct codec_thread *thread;
	uint64_t folded;
	uint16_t control;
	uint8_t kind;

	memcpy(&control, in, sizeof(control));
	kind = control & 7;
	if (!kind) {
		result.item = control >> ITEM_SHIFT;
		memcpy(&result.length, at, sizeof(result.length));
		result.size = result.item ? 6 : 0;
		return result;
	}
	if (kind >= SHORT_ALLOC) {
		result.size = decode_short(state, in, kind == SHORT_ALLOC, record);
		return result;
	}
	record->header = (struct event_header){.kind = kind};
	at = decode_header(state, at, control, &record->header);
	thread = &state->threads[state->thread];
	at = get(at, &folded, control >> ADDRESS_SHIFT & 3);
	record->free.address = thread->address = unfold_address(folded, thread->address);
	if (has_size(kind))
		at = decode_size(state, at, control, &record->alloc);
	at = decode_function(state, at, control, &record->header);
	if (kind == EVENT_REALLOC_END) {
		at = get(at, &folded, control >> OLD_SHIFT & 3);
		record->realloc_end.old_address = unfold_address(folded, thread->address);
	}
	result.size = at - in;
	return result;
}
