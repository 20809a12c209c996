/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "python/layout.h"

#include <string.h>

/* glibc's nptl/descr.h, struct pthread.specific_1stblock on x86-64: unchanged from 2.17 to 2.42. */
#define GLIBC_SPECIFIC 0x310

static const struct python_layout layouts[] = {
	{
		.minor = 9,
		.interpreters = 32,
		.tstate_current = 568,
		.tss_key = 584,
		.runtime_gil = 352,
		.threads = 8,
		.thread_next = 8,
		.thread_id = 176,
		.ascii_size = 48,
		.compact_size = 72,
		.code_filename = 104,
		.code_name = 112,
		.code_lines = 120,
		.walk = {.tss_slots = GLIBC_SPECIFIC,
			.thread_id = 176,
			.thread_frame = 24,
			.marks = PYTHON_MARKS_ALL,
			.instr_scale = 1,
			.frame_size = 112,
			.frame_previous = 24,
			.frame_code = 32,
			.frame_instr = 104,
			.code_first_line = 40,
			.code_size = 80,
			.code_filename = 64},
	},
	{
		.minor = 10,
		.interpreters = 32,
		.tstate_current = 568,
		.tss_key = 584,
		.runtime_gil = 352,
		.threads = 8,
		.thread_next = 8,
		.thread_id = 176,
		.ascii_size = 48,
		.compact_size = 72,
		.code_filename = 104,
		.code_name = 112,
		.code_lines = 120,
		.walk = {.tss_slots = GLIBC_SPECIFIC,
			.thread_id = 176,
			.thread_frame = 24,
			.marks = PYTHON_MARKS_ALL,
			.instr_scale = 2,
			.frame_size = 104,
			.frame_previous = 24,
			.frame_code = 32,
			.frame_instr = 96,
			.code_first_line = 40,
			.code_size = 80,
			.code_filename = 64},
	},
	{
		.minor = 11,
		.interpreters = 40,
		.tstate_current = 576,
		.tss_key = 592,
		.runtime_gil = 360,
		.threads = 16,
		.thread_next = 8,
		.thread_id = 152,
		.thread_native_id = 160,
		.ascii_size = 48,
		.compact_size = 72,
		.code_filename = 112,
		.code_name = 120,
		.code_qualname = 128,
		.code_lines = 136,
		.walk = {.tss_slots = GLIBC_SPECIFIC,
			.thread_id = 152,
			.thread_frame = 56,
			.has_cframe = 1,
			.cframe_frame = 8,
			.marks = PYTHON_MARKS_ENTRY,
			.frame_size = 72,
			.frame_previous = 48,
			.frame_code = 32,
			.frame_instr = 56,
			.frame_mark = 68,
			.code_first_line = 72,
			.code_size = 56,
			.code_filename = 40,
			.code_bytes = 184},
	},
	{
		.minor = 12,
		.interpreters = 40,
		.tss_key = 1544,
		.threads = 72,
		.interpreter_gil = 384,
		.thread_next = 8,
		.thread_id = 136,
		.thread_native_id = 144,
		.ascii_size = 40,
		.compact_size = 56,
		.code_filename = 112,
		.code_name = 120,
		.code_qualname = 128,
		.code_lines = 136,
		.walk = {.tss_slots = GLIBC_SPECIFIC,
			.thread_id = 136,
			.thread_frame = 56,
			.has_cframe = 1,
			.marks = PYTHON_MARKS_SHIM,
			.frame_size = 72,
			.frame_previous = 8,
			.frame_instr = 56,
			.frame_mark = 70,
			.code_first_line = 68,
			.code_size = 60,
			.code_filename = 44,
			.code_bytes = 192},
	},
	{
		.minor = 13,
		.interpreters = 632,
		.tss_key = 2160,
		.interpreter_next = 7264,
		.threads = 7344,
		.interpreter_gil = 16,
		.thread_next = 8,
		.thread_id = 152,
		.thread_native_id = 160,
		.ascii_size = 40,
		.compact_size = 56,
		.code_filename = 112,
		.code_name = 120,
		.code_qualname = 128,
		.code_lines = 136,
		.walk = {.tss_slots = GLIBC_SPECIFIC,
			.thread_id = 152,
			.thread_frame = 72,
			.marks = PYTHON_MARKS_SHIM,
			.frame_size = 72,
			.frame_previous = 8,
			.frame_instr = 56,
			.frame_mark = 70,
			.code_first_line = 68,
			.code_size = 60,
			.code_filename = 44,
			.code_bytes = 200},
	},
	{
		.minor = 14,
		.interpreters = 808,
		.tss_key = 2336,
		.interpreter_next = 7272,
		.threads = 7344,
		.interpreter_gil = 16,
		.thread_next = 8,
		.thread_id = 152,
		.thread_native_id = 160,
		.ascii_size = 40,
		.compact_size = 56,
		.code_filename = 112,
		.code_name = 120,
		.code_qualname = 128,
		.code_lines = 136,
		.walk = {.tss_slots = GLIBC_SPECIFIC,
			.thread_id = 152,
			.thread_frame = 72,
			.marks = PYTHON_MARKS_SHIM,
			.frame_size = 80,
			.frame_previous = 8,
			.frame_instr = 56,
			.frame_mark = 74,
			.code_first_line = 68,
			.code_size = 60,
			.code_filename = 44,
			.code_bytes = 208},
	},
};

const struct python_layout *python_layout__find(int minor)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (layouts[i].minor == minor)
			return &layouts[i];
	return NULL;
}

static uint64_t offset_at(const uint8_t *offsets, size_t at)
{
	uint64_t value;

	memcpy(&value, offsets + at, sizeof(value));
	return value;
}

/* Where struct _Py_DebugOffsets has what tells a free-threaded build: in all versions. */
#define DEBUG_FREE_THREADED 16

/* Where it has the fields that are compared, and what they are to be. */
struct debug_field {
	uint16_t at_3_13;
	uint16_t at_3_14;
	uint64_t expected;
};

const char *python_layout__check(
	const struct python_layout *layout, const uint8_t *offsets, size_t size)
{
	const struct debug_field fields[] = {
		{40, 40, layout->interpreters},
		{64, 64, layout->interpreter_next},
		{72, 72, layout->threads},
		{112, 120, layout->interpreter_gil},
		{168, 192, layout->thread_next},
		{184, 208, layout->walk.thread_frame},
		{192, 216, layout->thread_id},
		{200, 224, layout->thread_native_id},
		{232, 256, layout->walk.frame_previous},
		{240, 264, layout->walk.frame_code},
		{248, 272, layout->walk.frame_instr},
		{264, 288, layout->walk.frame_mark},
		{280, 320, layout->code_filename},
		{288, 328, layout->code_name},
		{296, 336, layout->code_qualname},
		{304, 344, layout->code_lines},
		{312, 352, layout->walk.code_first_line},
		{344, 384, layout->walk.code_bytes},
	};

	if (layout->minor < 13)
		return NULL;
	if (size < PYTHON_DEBUG_OFFSETS_SIZE || memcmp(offsets, "xdebugpy", 8))
		return "it does not describe its layout";
	if (offset_at(offsets, DEBUG_FREE_THREADED))
		return "free-threaded builds are not supported";
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (offset_at(
			    offsets, layout->minor == 13 ? fields[i].at_3_13 : fields[i].at_3_14) !=
			fields[i].expected)
			return "its layout differs from that of its release";
	return NULL;
}
