/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Calls the functions of asm_frames.S, each on the way to an allocation that uses rbp's value. */
#include <alloca.h>

#include "known_stack.h"
#include "shapes.h"

#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

void cfa_in_rbx(void (*callee)(void));
void cfa_on_stack(void (*callee)(void));
void rbp_saved_far(void (*callee)(void));
void cfa_by_sum(void (*callee)(void));
void cfa_twice_away(void (*callee)(void));
void rbp_by_expression(void (*callee)(void));
void return_below_cfa(void (*callee)(void));

static NOINLINE void allocate(void)
{
	KNOWN(allocate);

	recurse(2);
	NO_TAIL_CALL();
}

static void (*volatile function)(void (*)(void));
static const void *volatile function_address;
static const char *volatile function_name;

/* alloca: the CFA is in rbp, which must have come back right through @function's frame. */
static NOINLINE void call_with_frame_pointer(int size)
{
	KNOWN(call_with_frame_pointer);
	char *room = alloca(size);

	__asm__ volatile("" : : "r"(room) : "memory");
	known_stack__enter(function_address, function_name);
	function(allocate);
	NO_TAIL_CALL();
}

static void run(const char *label, void (*tested)(void (*)(void)), const char *name)
{
	known_stack__set_label(label);
	function = tested;
	function_address = (const void *)tested;
	function_name = name;
	call_with_frame_pointer(100);
}

NOINLINE void run_asm(void)
{
	KNOWN(run_asm);

	run("CFA in rbx", cfa_in_rbx, "cfa_in_rbx");
	run("CFA on the stack", cfa_on_stack, "cfa_on_stack");
	run("rbp saved far away", rbp_saved_far, "rbp_saved_far");
	run("CFA by a sum", cfa_by_sum, "cfa_by_sum");
	run("CFA twice away", cfa_twice_away, "cfa_twice_away");
	run("rbp by an expression", rbp_by_expression, "rbp_by_expression");
	run("return address below the CFA", return_below_cfa, "return_below_cfa");
	NO_TAIL_CALL();
}
