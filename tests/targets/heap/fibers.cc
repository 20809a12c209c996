/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Fibers of Boost.Context that allocate, and an operator new of the program's own that gives way to
 * the program's main stack in the midst of a call.
 */
#include <boost/context/fiber.hpp>
#include <new>

#include "truth.h"

namespace context = boost::context;

extern "C" void *__libc_malloc(size_t size);
extern "C" void __libc_free(void *address);

#define ROUNDS 20
/* Only calls of this size give way. */
#define WAY_BYTES 2345

static context::fiber *back;

__attribute__((noinline)) void *operator new(size_t size)
{
	void *address;

	if (back && size == WAY_BYTES)
		*back = std::move(*back).resume();
	address = __libc_malloc(size);
	if (!address)
		throw std::bad_alloc();
	if (back && size == WAY_BYTES)
		*back = std::move(*back).resume();
	return address;
}

__attribute__((noinline)) void operator delete(void *address) noexcept
{
	__libc_free(address);
}

void operator delete(void *address, size_t) noexcept
{
	operator delete(address);
}

static struct truth truth;

__attribute__((noinline)) static void allocate(struct block *block, size_t size)
{
	truth__alloc(&truth, block, opaque(operator new(size)), size);
}

__attribute__((noinline)) static void release(struct block *block)
{
	void *address = opaque(block->address);

	truth__free(&truth, block);
	operator delete(address);
}

static void run_fiber(context::fiber &main_stack)
{
	struct block block = {};

	back = &main_stack;
	for (int i = 0; i < ROUNDS; i++) {
		allocate(&block, WAY_BYTES);
		release(&block);
	}
	back = nullptr;
}

int main()
{
	struct block block = {};

	truth__open();
	{
		context::fiber fiber{[](context::fiber &&main_stack) {
			run_fiber(main_stack);
			return std::move(main_stack);
		}};

		while (fiber) {
			allocate(&block, 100);
			fiber = std::move(fiber).resume();
			release(&block);
		}
	}
	truth__close(&truth, false);
	return 0;
}
