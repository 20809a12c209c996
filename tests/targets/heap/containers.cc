/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* containers: maps of vectors of strings, through an allocator that counts what it passes on. */
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

#include "truth.h"

namespace
{

truth counts;

template <typename T> struct Counting {
	using value_type = T;

	Counting() = default;
	template <typename U> Counting(const Counting<U> &)
	{
	}

	T *allocate(std::size_t n)
	{
		block b;

		truth__alloc(&counts, &b, opaque(::operator new(n * sizeof(T))), n * sizeof(T));
		return static_cast<T *>(b.address);
	}
	void deallocate(T *p, std::size_t n)
	{
		counts.free_count++;
		counts.freed_bytes += n * sizeof(T);
		::operator delete(p);
	}
	bool operator==(const Counting &) const
	{
		return true;
	}
	bool operator!=(const Counting &) const
	{
		return false;
	}
};

using String = std::basic_string<char, std::char_traits<char>, Counting<char>>;
using Strings = std::vector<String, Counting<String>>;
using Map = std::map<int, Strings, std::less<int>, Counting<std::pair<const int, Strings>>>;

void fill(Map &map, uint64_t &random)
{
	for (int i = 0; i < 2000; i++) {
		Strings &strings = map[next_random(&random) % 300];

		strings.emplace_back(next_random(&random) % 200, 'x');
		if (strings.size() > 8)
			strings.erase(strings.begin(), strings.begin() + 6);
		if (i % 50 == 0)
			map.erase(map.begin());
	}
}

} // namespace

int main()
{
	uint64_t random = 5;

	truth__open();
	{
		Map map, kept;

		fill(map, random);
		fill(kept, random);
		map.clear();
		truth__close(&counts, false);
		_exit(0);
	}
}
