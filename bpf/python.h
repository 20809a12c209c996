/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Python frames: where an interpreter keeps them, and how a stack record carries them. Shared with
 * user/python, which fills a python_space for each process that maps a CPython it knows.
 */
#ifndef MEMTRACE_PYTHON_H
#define MEMTRACE_PYTHON_H

#include "event.h"

/* Where runs of frames that one call of the interpreter's loop executes begin. */
enum python_marks {
	PYTHON_MARKS_ALL = 0, /* 3.9, 3.10: each frame has a call of its own */
	PYTHON_MARKS_ENTRY,   /* 3.11: frame.is_entry, on the outermost frame of the run */
	PYTHON_MARKS_SHIM,    /* 3.12+: a frame owned by C stands outside of the run */
};

/* FRAME_OWNED_BY_CSTACK of 3.12 and 3.13, FRAME_OWNED_BY_INTERPRETER of 3.14; what is above, too.
 */
#define PYTHON_OWNER_C 3

/* A structure's bytes that one read brings; layouts whose fields lie further apart are refused. */
#define PYTHON_READ_BYTES 112

/*
 * Offsets in bytes; 0 as an address: there is none. The table is user/python/layout.c's.
 */
struct python_space {
	__u64 tss_key;	      /* address of autoTSSkey: { int is_initialized; pthread_key_t key } */
	__u64 tstate_current; /* address of the pointer to the thread state that has the GIL */
	__u16 tss_slots;      /* of the C library's thread descriptor: the first block of slots */
	__u16 thread_id;      /* PyThreadState: pthread_self() of its thread */
	__u16 thread_frame;   /* PyThreadState: the current frame, or the CFrame that has it */
	__u16 cframe_frame;   /* CFrame: the current frame */
	__u8 has_cframe;      /* 3.11, 3.12 */
	__u8 marks;	      /* enum python_marks */
	__u8 instr_scale;     /* bytes of a unit of the instruction's index; 0: it is a pointer */
	__u8 frame_size;      /* bytes to read of a frame, at most PYTHON_READ_BYTES */
	__u8 frame_previous;  /* frame: the caller's */
	__u8 frame_code;      /* ... its code object */
	__u8 frame_instr;     /* ... the instruction it is at */
	__u8 frame_mark;      /* ... the byte that `marks` is about */
	__u8 code_first_line; /* code object: co_firstlineno */
	__u8 code_size;	      /* bytes to read from there, at most PYTHON_READ_BYTES */
	__u8 code_filename; /* from co_firstlineno on: co_filename and co_name follow each other */
	__u8 reserved;
	__u16 code_bytes; /* co_code_adaptive; 3.9, 3.10: 0 */
	/* What is sent of a code object: where it has its name, file and line table, and a str. */
	__u16 code_name;
	__u16 code_file;
	__u16 code_lines;
	__u16 ascii_size;
	__u16 compact_size;
	__u16 minor; /* 3.N */
	/* Tells code objects at one address apart: an image and its forked children share them. */
	__u32 image;
};

/*
 * Behind the native frames of a record stands a word for the interpreter, then two words for each
 * Python frame, innermost first:
 *
 *	bit 63 1, bits 32-47 the version (3.N), bits 0-31 the image
 *
 *	bit 63 1, bit 62 outermost of its run, bits 0-47 the code object's address
 *	bit 63 1, bits 32-51 half the offset of the instruction, bits 0-31 the code's identity
 *
 * No address of user space has bit 63. The identity is mixed from what a code object at a reused
 * address has of its own: the pointers to its name and file, and its first line.
 */
#define PYTHON_FRAME (1ull << 63)
#define PYTHON_ENTRY (1ull << 62)
#define PYTHON_ADDRESS ((1ull << 48) - 1)
#define PYTHON_OFFSET_SHIFT 32
#define PYTHON_OFFSET_MAX ((1u << 20) - 1) /* and beyond: the line is not known */

#define PYTHON_MINOR_SHIFT 32

/* PyASCIIObject.state: bytes of a character, compact, ASCII. */
#define PYTHON_KIND_SHIFT 2
#define PYTHON_KIND_MASK 7
#define PYTHON_TEXT_COMPACT (1u << 5)
#define PYTHON_TEXT_ASCII (1u << 6)

/* A str as it is in memory; a longer one is cut. */
struct python_text {
	__u32 state;
	__u32 length; /* characters; 0: it could not be read */
};

/*
 * EVENT_PYTHON_CODE: a code object, sent before the first stack that has it. What a program frees
 * and makes anew is so named by what it was. Line tables are cut at the larger of two sizes: 8 KiB
 * are some 1,500 lines of one function.
 */
#define PYTHON_SENT_NAME 256
#define PYTHON_SENT_FILE 512
#define PYTHON_SENT_LINES 768
#define PYTHON_SENT_LINES_MAX 8192
struct event_python_code {
	struct event_header header; /* flags: the version (3.N) */
	__u64 code;
	__u32 image;
	__u32 identity;
	__u32 first_line;
	__u32 lines_size; /* bytes of lines */
	struct python_text name;
	struct python_text file;
	__u8 name_bytes[PYTHON_SENT_NAME];
	__u8 file_bytes[PYTHON_SENT_FILE];
	__u8 lines[];
};
_Static_assert(sizeof(struct event_python_code) == 64 + PYTHON_SENT_NAME + PYTHON_SENT_FILE, "");

#define PYTHON_MIX 0x9e3779b97f4a7c15ull

static inline __u32 python_identity_of(__u32 first_line, __u64 filename, __u64 name)
{
	__u64 mixed = (first_line ^ filename) * PYTHON_MIX;

	mixed ^= mixed >> 29;
	return ((mixed ^ name) * PYTHON_MIX) >> 32;
}

/* In the upper byte of the flags of an EVENT_STACK: how the walk of Python frames ended. */
#define PYTHON_STOP_SHIFT 8
enum python_stop {
	PYTHON_NOT_WALKED = 0, /* no interpreter that is known */
	PYTHON_COMPLETE,       /* to the outermost frame */
	PYTHON_NO_THREAD,      /* the thread has no state (yet, or any more) */
	PYTHON_TRUNCATED,      /* more frames than there was room for */
	PYTHON_BAD_MEMORY,     /* a frame or code object that could not be read */
	PYTHON_STOP_COUNT,
	PYTHON_CONTINUE = -1,
};

/* In a recording, behind the stop in those flags: a Python frame of the stack has no name. */
#define PYTHON_STOP_MASK 15
#define PYTHON_UNNAMED (1u << 12)

/* Distinct stacks in which the interpreter runs Python code. Not of the kernel's side. */
struct python_walks {
	__u64 stops[PYTHON_STOP_COUNT]; /* by how the walk of their Python frames ended */
	__u64 unnamed;			/* of them, with a frame whose code object was gone */
};

static inline void python_walks__count(struct python_walks *walks, __u32 flags)
{
	__u32 stop = flags >> PYTHON_STOP_SHIFT & PYTHON_STOP_MASK;

	if (stop == PYTHON_NOT_WALKED || stop >= PYTHON_STOP_COUNT)
		return;
	walks->stops[stop]++;
	walks->unnamed += (flags & PYTHON_UNNAMED) != 0;
}

#endif
