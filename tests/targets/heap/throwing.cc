/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * throwing SIZE: operator new fails again and again for SIZE bytes (0: more than there can be), at
 * every depth of the stack; the exception is caught further up, and the work goes on further down,
 * over what the failed call has left there. With OWN_POOL the operators are the program's own, and
 * a request that is larger than a block fails by an exception of their own.
 */
#include <cstdlib>
#include <new>
#include <unistd.h>

#include "truth.h"

#ifdef OWN_POOL
namespace
{

constexpr std::size_t BLOCK = 4096;
constexpr int BLOCKS = 64;
alignas(64) char pool[BLOCKS][BLOCK];
bool used[BLOCKS];

struct too_large {
	std::size_t size;
};

} // namespace

__attribute__((noinline)) void *operator new(std::size_t size)
{
	if (size > BLOCK)
		throw too_large{size};
	for (int i = 0; i < BLOCKS; i++) {
		if (!used[i]) {
			used[i] = true;
			return pool[i];
		}
	}
	throw std::bad_alloc();
}

__attribute__((noinline)) void operator delete(void *address) noexcept
{
	if (address)
		used[(static_cast<char *>(address) - pool[0]) / BLOCK] = false;
}

void operator delete(void *address, std::size_t) noexcept
{
	operator delete(address);
}
#endif

namespace
{

constexpr int DEPTH = 12;
truth counts;
volatile std::size_t wanted;

/* A frame large enough to lie over an older one without touching it. */
__attribute__((noinline)) void work(int depth)
{
	char untouched[512];
	block b{};

	opaque(untouched);
	truth__alloc(&counts, &b, opaque(::operator new(40 + depth)), 40 + depth);
	if (depth)
		work(depth - 1);
	void *address = b.address;
	truth__free(&counts, &b);
	::operator delete(address);
}

__attribute__((noinline)) void fail(int depth)
{
	char frame[64];

	opaque(frame);
	if (depth)
		fail(depth - 1);
	else
		opaque(::operator new(wanted));
	opaque(frame);
}

__attribute__((noinline)) bool try_at(int depth)
{
	try {
		fail(depth);
	} catch (...) {
		counts.failed_count += truth_counting;
		return true;
	}
	return false;
}

} // namespace

int main(int argc, char **argv)
{
	wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 0;
	if (!wanted)
		wanted = PTRDIFF_MAX;
	try_at(0); /* the first exception makes the runtime allocate for itself */
	work(1);
	truth__open();
	for (int depth = 0; depth < DEPTH; depth++) {
		if (!try_at(depth) || !try_at(depth))
			_exit(6);
		work(depth);
	}
	truth__close(&counts, true);
	_exit(0);
}
