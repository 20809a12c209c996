/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
// Compiled to small shared objects, from which the fuzzing of ELF parsers starts.
struct Shape {
	virtual ~Shape()
	{
	}
	virtual int area() const = 0;
};

struct Square : Shape {
	int side;
	explicit Square(int s) : side(s)
	{
	}
	int area() const override
	{
		return side * side;
	}
};

extern "C" int called(int);

static inline int twice(int n)
{
	return called(n) + called(n + 1);
}

namespace shapes
{
template <typename T> int measure(const T &shape)
{
	auto scaled = [&](int by) { return shape.area() * by; };
	return twice(scaled(3)) + scaled(4);
}
} // namespace shapes

extern "C" int entry(int n)
{
	return shapes::measure(Square(n)) + twice(n);
}
