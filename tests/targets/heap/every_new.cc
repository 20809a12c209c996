/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * every_new: each variant of operator new and delete, called by name and through expressions.
 * operator new that fails by exception must reach its catch under the tracer, too.
 */
#include <new>
#include <unistd.h>

#include "truth.h"

namespace
{

struct alignas(128) Wide {
	char bytes[256];
};

struct Counted {
	long payload[3];
	~Counted()
	{
		payload[0] = 0;
	}
};

constexpr int ROUNDS = 40;
truth counts;
block blocks[ROUNDS][12];
/* Kept from the compiler, which would warn about such sizes. */
volatile std::size_t impossible = PTRDIFF_MAX;

void call_by_name(block *b, std::size_t n)
{
	constexpr std::align_val_t wide{64};

	truth__alloc(&counts, &b[0], opaque(::operator new(n)), n);
	truth__alloc(&counts, &b[1], opaque(::operator new[](n + 1)), n + 1);
	truth__alloc(&counts, &b[2], opaque(::operator new(n + 2, std::nothrow)), n + 2);
	truth__alloc(&counts, &b[3], opaque(::operator new[](n + 3, std::nothrow)), n + 3);
	truth__alloc(&counts, &b[4], opaque(::operator new(n + 4, wide)), n + 4);
	truth__alloc(&counts, &b[5], opaque(::operator new[](n + 5, wide)), n + 5);
	truth__alloc(&counts, &b[6], opaque(::operator new(n + 6, wide, std::nothrow)), n + 6);
	truth__alloc(&counts, &b[7], opaque(::operator new[](n + 7, wide, std::nothrow)), n + 7);
	truth__alloc(&counts, &b[8], opaque(::operator new(0)), 0);
}

void delete_by_name(block *b)
{
	constexpr std::align_val_t wide{64};
	void *p[9];
	std::size_t size[9];

	for (int i = 0; i < 9; i++) {
		p[i] = b[i].address;
		size[i] = b[i].size;
		truth__free(&counts, &b[i]);
		switch (i) {
		case 0:
			::operator delete(p[i]);
			break;
		case 1:
			::operator delete[](p[i], size[i]);
			break;
		case 2:
			::operator delete(p[i], std::nothrow);
			break;
		case 3:
			::operator delete[](p[i], std::nothrow);
			break;
		case 4:
			::operator delete(p[i], size[i], wide);
			break;
		case 5:
			::operator delete[](p[i], wide);
			break;
		case 6:
			::operator delete(p[i], wide, std::nothrow);
			break;
		case 7:
			::operator delete[](p[i], size[i], wide);
			break;
		default:
			::operator delete(p[i], size[i]);
		}
	}
	::operator delete(nullptr);
}

void use_expressions(block *b, int n)
{
	alignas(Counted) static char room[sizeof(Counted)];
	auto *wide = new Wide;
	auto *array = new Counted[n];

	truth__alloc(&counts, &b[9], opaque(wide), sizeof(Wide));
	/* The array's cookie, its length, lies before its first element. */
	truth__alloc(&counts, &b[10], reinterpret_cast<char *>(array) - sizeof(std::size_t),
		n * sizeof(Counted) + sizeof(std::size_t));
	auto *placed = new (room) Counted;
	placed->~Counted();
	truth__free(&counts, &b[9]);
	delete wide;
	if (n % 3) {
		truth__free(&counts, &b[10]);
		delete[] array;
	}
}

/* The new handler is not set: one attempt, one failed allocation, one exception. */
void fail()
{
	int caught = 0;

	try {
		opaque(::operator new(impossible));
	} catch (const std::bad_alloc &) {
		caught++;
	}
	counts.failed_count += truth_counting;
	try {
		opaque(::operator new[](impossible, std::align_val_t{256}));
	} catch (const std::bad_alloc &) {
		caught++;
	}
	counts.failed_count += truth_counting;
	if (opaque(::operator new(impossible, std::nothrow)))
		_exit(5);
	counts.failed_count += truth_counting;
	if (caught != 2)
		_exit(6);
}

/* The exception's own memory is allocated by the C++ runtime: with malloc, and freed at the end. */
void throw_once_before_the_gate()
{
	try {
		throw 1;
	} catch (int) {
	}
}

} // namespace

int main(int argc, char **)
{
	throw_once_before_the_gate();
	truth__open();
	for (int i = 0; i < ROUNDS; i++) {
		call_by_name(blocks[i], 10 + 3 * i);
		use_expressions(blocks[i], 2 + i);
		if (i % 2)
			delete_by_name(blocks[i]);
	}
	if (argc > 1)
		fail();
	truth__close(&counts, true);
	_exit(0);
}
