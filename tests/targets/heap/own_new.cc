/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * own_new: a program with operators new and delete of its own, which keep each block's size in
 * front of it and count. What its callers have are other pointers than malloc gave, and the first
 * small block is not even malloc's.
 */
#include <cstddef>
#include <map>
#include <new>
#include <string>

#include "truth.h"

namespace
{

truth counts;

struct alignas(std::max_align_t) header {
	size_t size;
};

struct {
	header head;
	char bytes[64];
} first;
bool first_taken;

} // namespace

__attribute__((noinline)) void *operator new(size_t size)
{
	void *block;

	if (size <= sizeof(first.bytes) && !first_taken) {
		first_taken = true;
		block = &first;
	} else {
		block = malloc(sizeof(header) + size);
		if (!block)
			throw std::bad_alloc();
	}
	static_cast<header *>(block)->size = size;
	if (truth_counting) {
		counts.alloc_count++;
		counts.alloc_bytes += size;
	}
	return static_cast<header *>(block) + 1;
}

__attribute__((noinline)) void operator delete(void *pointer) noexcept
{
	header *block = static_cast<header *>(pointer) - 1;

	if (!pointer)
		return;
	if (truth_counting) {
		counts.free_count++;
		counts.freed_bytes += block->size;
	}
	free(block);
}

__attribute__((noinline)) void operator delete(void *pointer, size_t) noexcept
{
	operator delete(pointer);
}

int main()
{
	truth__open();
	{
		/* The block that is not malloc's stays: it could not be freed. */
		void *special = opaque(new char);

		opaque(special);
		std::map<int, std::string> strings;

		for (int i = 0; i < 3000; i++)
			strings[i % 700] = std::string(i % 90, 'x');
		/* Stays, too. */
		opaque(new std::string(100, 'y'));
	}
	truth__close(&counts, true);
	return 0;
}
