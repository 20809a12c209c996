/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A server's heap: sessions in a map that a global has, a list of the same classes that two globals
 * share, buffers that only a thread's TLS has. It stands at its gate (../README.md).
 */
#include <map>
#include <string>

extern "C" {
#include "../heap/truth.h"
}

constexpr int SESSIONS = 1000;
constexpr int SHARED = 100;
constexpr int BUFFERS = 50;

class Session
{
      public:
	virtual ~Session() = default;
	std::string *user = nullptr;
	char state[80] = {};
};

namespace cache
{
struct Entry {
	virtual ~Entry() = default;
	Entry *next = nullptr;
};
} // namespace cache

std::map<int, Session *> *g_sessions;
cache::Entry *g_cache, *g_oldest;
thread_local void **t_buffers;

int main()
{
	g_sessions = new std::map<int, Session *>;
	for (int i = 0; i < SESSIONS; i++) {
		Session *session = new Session;

		session->user = new std::string(100, 'u');
		(*g_sessions)[i] = session;
	}
	for (int i = 0; i < SHARED; i++) {
		cache::Entry *entry = new cache::Entry;

		entry->next = g_cache;
		g_cache = entry;
	}
	g_oldest = g_cache;
	t_buffers = static_cast<void **>(calloc(BUFFERS, sizeof(void *)));
	for (int i = 0; i < BUFFERS; i++)
		t_buffers[i] = calloc(1, 1000);
	truth__signal("ready");
	truth__await("finish");
	return 0;
}
