/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * A server that is well: pool [busy]. Workers wait on a condition variable for jobs, others park on
 * futex words as an RPC library's do, one thread waits in epoll for a socket that never speaks.
 * Busy, they pass jobs, and read and write a table under a rwlock.
 */
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <linux/futex.h>
#include <mutex>
#include <shared_mutex>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

static std::mutex queue_lock;
static std::condition_variable not_empty;
static std::deque<std::function<void()>> jobs;
static std::shared_mutex table_lock;
static long table;
static std::atomic<int> parking_lots[4];

static void work()
{
	for (;;) {
		std::unique_lock lock(queue_lock);

		not_empty.wait(lock, [] { return !jobs.empty(); });
		auto job = jobs.front();
		jobs.pop_front();
		lock.unlock();
		job();
	}
}

static void park(int lot)
{
	for (;;) {
		int seen = parking_lots[lot];

		syscall(SYS_futex, &parking_lots[lot], FUTEX_WAIT_PRIVATE, seen, nullptr);
	}
}

static void read_and_write()
{
	{
		std::shared_lock lock(table_lock);

		if (table < 0)
			return;
	}
	std::unique_lock lock(table_lock);

	table++;
}

static void make_jobs()
{
	for (int n = 0;; n++) {
		{
			std::lock_guard lock(queue_lock);

			if (jobs.size() < 100)
				jobs.emplace_back(read_and_write);
		}
		not_empty.notify_one();
		parking_lots[n % 4]++;
		syscall(SYS_futex, &parking_lots[n % 4], FUTEX_WAKE_PRIVATE, 1);
		if (n % 64 == 0)
			usleep(1000);
	}
}

int main(int argc, char **)
{
	epoll_event event = {};
	int pair[2], epoll;

	for (int i = 0; i < 8; i++)
		std::thread(work).detach();
	for (int i = 0; i < 8; i++)
		std::thread(park, i % 4).detach();
	if (argc > 1)
		std::thread(make_jobs).detach();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	event.events = EPOLLIN;
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
	while (epoll_wait(epoll, &event, 1, -1) >= 0)
		continue;
}
