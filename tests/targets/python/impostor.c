/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Not an interpreter, but it has CPython 3.11's symbols and lays out memory as one does (offsets:
 * user/python/layout.c), with what no interpreter has, as its argument says: frames in a "ring",
 * "code" or a caller ("frame") at an address that cannot be read, "names" that are none, or
 * "garbage" all over.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 10
#define BLOCKS 200

unsigned char _PyRuntime[4096];
extern const unsigned long Py_Version;
const unsigned long Py_Version = 0x030b02f0;

static uint64_t state[64], cframe[8], inner[16], outer[16], code[64];

void _PyEval_EvalFrameDefault(void);

__attribute__((noinline)) void _PyEval_EvalFrameDefault(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		void *volatile block = malloc(100 + i);

		free(block);
	}
}

static uint64_t address_of(const void *object)
{
	return (uint64_t)(uintptr_t)object;
}

/* A thread state with two frames that call each other. */
static void build(void)
{
	pthread_key_t key;
	uint32_t tss[2] = {1};
	uint64_t address = address_of(state);

	pthread_key_create(&key, NULL);
	pthread_setspecific(key, state);
	tss[1] = key;
	memcpy(_PyRuntime + 592, tss, sizeof(tss));
	memcpy(_PyRuntime + 576, &address, sizeof(address));
	state[152 / 8] = (uint64_t)pthread_self();
	state[56 / 8] = address_of(cframe);
	cframe[1] = address_of(inner);
	inner[32 / 8] = outer[32 / 8] = address_of(code);
	inner[48 / 8] = address_of(outer);
	outer[48 / 8] = address_of(inner);
}

static void corrupt(const char *how)
{
	if (!strcmp(how, "code"))
		inner[32 / 8] = 0x1234;
	if (!strcmp(how, "frame"))
		inner[48 / 8] = 0xffffffff81000000;
	if (!strcmp(how, "names")) {
		/* The code object is its own name, file and line table: a str of 2^60 characters.
		 */
		for (size_t at = 112; at <= 136; at += 8)
			code[at / 8] = address_of(code);
		code[2] = 1ull << 60;
		code[4] = UINT32_MAX;
		inner[48 / 8] = 0;
	}
	if (!strcmp(how, "garbage"))
		memset(_PyRuntime, 0xff, sizeof(_PyRuntime));
}

int main(int argc, char **argv)
{
	build();
	corrupt(argc > 1 ? argv[1] : "");
	for (size_t i = 0; i < ROUNDS; i++)
		_PyEval_EvalFrameDefault();
	return 0;
}
