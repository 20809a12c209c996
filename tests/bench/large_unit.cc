/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
// A unit as large C++ programs have them: templates, most of them inlined. scripts/large-program
// makes a program of many copies of it.
#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace
{
struct Key {
	int number;
	std::string text;
	bool operator<(const Key &other) const
	{
		return number < other.number || (number == other.number && text < other.text);
	}
	bool operator==(const Key &other) const
	{
		return number == other.number && text == other.text;
	}
};

struct KeyHash {
	size_t operator()(const Key &key) const
	{
		return std::hash<std::string>()(key.text) ^ key.number;
	}
};

template <int Level> struct Node {
	std::map<Key, std::variant<int, std::string, std::vector<Key>>> values;
	std::unordered_map<Key, std::function<int(Key)>, KeyHash> functions;

	int run(int n)
	{
		Key key{n, std::to_string(n + Level)};
		values[key] = std::vector<Key>{key};
		functions[key] = [this](Key k) { return int(values.size()) + k.number; };
		int sum = functions.find(key)->second(key);
		std::vector<Key> keys;
		for (auto &value : values)
			keys.push_back(value.first);
		std::sort(keys.begin(), keys.end(), [](auto &a, auto &b) { return b < a; });
		std::stable_sort(keys.begin(), keys.end());
		return sum + int(keys.size() + values.begin()->second.index());
	}
};
} // namespace

int entry(int n)
{
	std::regex expression("a(b|c)*d");
	int sum = std::regex_search(std::string("abcd"), expression);

	return sum + Node<0>().run(n) + Node<1>().run(n) + Node<2>().run(n) + Node<3>().run(n) +
	       Node<4>().run(n) + Node<5>().run(n);
}
