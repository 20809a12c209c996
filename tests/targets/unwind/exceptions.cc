/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
// Allocations on the way of C++ exceptions: in destructors while frames are left, in handlers, and
// after them.
#include <dlfcn.h>
#include <stdexcept>

#include "known_stack.h"

#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

extern "C" {

NOINLINE void allocate_here()
{
	KNOWN(allocate_here);

	known_alloc();
	NO_TAIL_CALL();
}

NOINLINE void throw_it(int depth)
{
	KNOWN(throw_it);

	if (!depth)
		throw std::runtime_error("thrown on purpose");
	throw_it(depth - 1);
	NO_TAIL_CALL();
}
}

struct allocates_when_destroyed {
	NOINLINE ~allocates_when_destroyed();
};

// Not on the list, as its address cannot be had.
allocates_when_destroyed::~allocates_when_destroyed()
{
	allocate_here();
	NO_TAIL_CALL();
}

extern "C" {

// The destructor runs from a landing pad in this function.
NOINLINE void leave_by_exception()
{
	KNOWN(leave_by_exception);
	allocates_when_destroyed object;

	throw_it(5);
	NO_TAIL_CALL();
}

NOINLINE void catch_it()
{
	KNOWN(catch_it);

	known_stack__set_label("destructor on the way");
	try {
		leave_by_exception();
	} catch (const std::exception &) {
		known_stack__set_label("handler");
		allocate_here();
	}
	known_stack__set_label("after the handler");
	allocate_here();
	NO_TAIL_CALL();
}

NOINLINE void catch_and_rethrow()
{
	KNOWN(catch_and_rethrow);

	try {
		throw_it(2);
	} catch (...) {
		known_stack__set_label("handler that throws on");
		allocate_here();
		throw;
	}
}

NOINLINE void catch_the_rethrown()
{
	KNOWN(catch_the_rethrown);

	try {
		catch_and_rethrow();
	} catch (...) {
		known_stack__set_label("second handler");
		allocate_here();
	}
}
}

int main()
{
	known_stack__enter((const void *)dlsym(RTLD_DEFAULT, "main"), "main");

	known_stack__open_gate();
	catch_it();
	catch_the_rethrown();
	known_stack__close_gate();
	return 0;
}
