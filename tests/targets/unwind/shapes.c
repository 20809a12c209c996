/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Functions whose frames have every shape that compilers make. */
#include "shapes.h"

#include <alloca.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "known_stack.h"

/* Makes the compiler believe that memory is used. */
#define USE(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

NOINLINE void recurse(int depth)
{
	KNOWN(recurse);

	if (depth > 1)
		recurse(depth - 1);
	else
		known_alloc();
	NO_TAIL_CALL();
}

NOINLINE void use_alloca(int size)
{
	KNOWN(use_alloca);
	char *room = alloca(size);

	USE(room);
	known_alloc();
	USE(room);
}

NOINLINE void use_vla(int size)
{
	KNOWN(use_vla);
	long room[size];

	USE(room);
	known_alloc();
	USE(room);
}

NOINLINE void realign(int value)
{
	KNOWN(realign);
	alignas(64) char room[64];

	USE(room);
	room[0] = value;
	known_alloc();
	USE(room);
}

/* Alignment and a frame of unknown size at once. */
NOINLINE void realign_and_alloca(int size)
{
	KNOWN(realign_and_alloca);
	alignas(128) char aligned[128];
	char *room = alloca(size);

	USE(aligned);
	USE(room);
	realign(size);
	USE(room);
}

/* Past what a packed rule's offset holds. */
NOINLINE void huge_frame(int value)
{
	KNOWN(huge_frame);
	char room[3 << 20];

	USE(room);
	room[value] = 1;
	known_alloc();
	USE(room);
}

NOINLINE void large_frame(int value)
{
	KNOWN(large_frame);
	char room[1 << 20];

	USE(room);
	huge_frame(value);
	USE(room);
}

/* So many live values that all callee-saved registers are in use. */
NOINLINE long many_registers(long a, long b, long c, long d, long e, long f)
{
	KNOWN(many_registers);
	long g = a * b, h = c * d, i = e * f, j = a + f;

	use_alloca(16 + (int)a);
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

NOINLINE void tail_called(int value)
{
	KNOWN(tail_called);

	recurse(value);
	NO_TAIL_CALL();
}

/* Jumps to its callee: it is not on the stack when that allocates. */
NOINLINE void make_tail_call(int value)
{
	tail_called(value + 1);
}

NOINLINE void call_tail_caller(int value)
{
	KNOWN(call_tail_caller);

	make_tail_call(value);
	NO_TAIL_CALL();
}

static jmp_buf way_out;

/* The call is this function's last instruction: its return address lies behind the function. */
__attribute__((noreturn)) NOINLINE void leave_for_good(void)
{
	known_alloc();
	longjmp(way_out, 1);
}

__attribute__((noreturn)) NOINLINE void end_with_a_call(void)
{
	leave_for_good();
}

NOINLINE void call_noreturn(void)
{
	KNOWN(call_noreturn);

	if (!setjmp(way_out)) {
		known_stack__enter(end_with_a_call, "end_with_a_call");
		known_stack__enter(leave_for_good, "leave_for_good");
		end_with_a_call();
	}
}

NOINLINE int compare(const void *left, const void *right)
{
	static int calls;
	KNOWN(compare);

	if (!calls++)
		known_alloc();
	return *(const int *)left - *(const int *)right;
}

/* Back into the program from the C library. */
NOINLINE void sort_numbers(void)
{
	KNOWN(sort_numbers);
	int numbers[] = {5, 4, 3, 2, 1};

	qsort(numbers, 5, sizeof(numbers[0]), compare);
	NO_TAIL_CALL();
}

static void run(const char *label, void (*function)(int), int argument)
{
	known_stack__set_label(label);
	function(argument);
}

void run_shapes(void)
{
	KNOWN(run_shapes);

	run("recursion of depth 1", recurse, 1);
	run("recursion of depth 100", recurse, 100);
	run("alloca", use_alloca, 1000);
	run("VLA", use_vla, 1000);
	run("realigned", realign, 1);
	run("realigned with alloca", realign_and_alloca, 333);
	run("frames of megabytes", large_frame, 5);
	known_stack__set_label("all registers in use");
	many_registers(1, 2, 3, 4, 5, 6);
	run("tail call", call_tail_caller, 3);
	known_stack__set_label("noreturn callee");
	call_noreturn();
	known_stack__set_label("through qsort");
	sort_numbers();
	NO_TAIL_CALL();
}
