/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * An RPC server that is well: rpc [busy]. Its workers have the names of brpc's: each parks on the
 * word of its lot (ParkingLot::wait, under TaskGroup::wait_task), a timer thread sleeps on a word
 * of its own, and a dispatcher waits in epoll. Busy, tasks are passed on, and take a lock.
 */
#include <atomic>
#include <climits>
#include <ctime>
#include <deque>
#include <linux/futex.h>
#include <mutex>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace bthread
{

static long wait_private(std::atomic<int> *word, int expected, const timespec *timeout)
{
	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout);
}

static void wake_private(std::atomic<int> *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count);
}

class ParkingLot
{
      public:
	__attribute__((noinline)) void wait(int state)
	{
		wait_private(&pending_, state, nullptr);
		asm volatile("");
	}
	void signal()
	{
		pending_.fetch_add(2, std::memory_order_release);
		wake_private(&pending_, 1);
	}
	int state() const
	{
		return pending_.load(std::memory_order_acquire);
	}

      private:
	std::atomic<int> pending_{0};
};

static ParkingLot lots[4];
static std::mutex queue_lock, table_lock;
static std::deque<int> queue;
static long table;

class TaskGroup
{
      public:
	explicit TaskGroup(ParkingLot *lot) : lot_(lot)
	{
	}
	void run_main_task()
	{
		for (int task; wait_task(&task);) {
			std::lock_guard lock(table_lock);

			table += task;
		}
	}

      private:
	__attribute__((noinline)) bool wait_task(int *task)
	{
		for (;;) {
			int state = lot_->state();

			if (steal_task(task))
				return true;
			lot_->wait(state);
		}
	}
	static bool steal_task(int *task)
	{
		std::lock_guard lock(queue_lock);

		if (queue.empty())
			return false;
		*task = queue.front();
		queue.pop_front();
		return true;
	}
	ParkingLot *lot_;
};

class TimerThread
{
      public:
	__attribute__((noinline)) void run()
	{
		timespec second = {1, 0};

		for (;;) {
			wait_private(&signal_, 0, next_run_ ? &second : nullptr);
			asm volatile("");
		}
	}

      private:
	std::atomic<int> signal_{0};
	std::atomic<bool> next_run_{false};
};

} // namespace bthread

static void add_tasks()
{
	for (int n = 0;; n++) {
		{
			std::lock_guard lock(bthread::queue_lock);

			if (bthread::queue.size() < 100)
				bthread::queue.push_back(n);
		}
		bthread::lots[n % 4].signal();
		if (n % 64 == 0)
			usleep(1000);
	}
}

int main(int argc, char **)
{
	static bthread::TimerThread timer;
	epoll_event event;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < 8; i++)
		std::thread([i] {
			bthread::TaskGroup(&bthread::lots[i % 4]).run_main_task();
		}).detach();
	std::thread([] { timer.run(); }).detach();
	if (argc > 1)
		std::thread(add_tasks).detach();
	for (;;)
		epoll_wait(epoll, &event, 1, -1);
}
