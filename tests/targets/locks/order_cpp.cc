/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Two inversions: of std::mutex, and of reading and writing a std::shared_mutex. */
#include <mutex>
#include <shared_mutex>
#include <thread>

static std::mutex ledger, audit;
static std::shared_mutex rates;

static void book()
{
	std::lock_guard<std::mutex> held(ledger);
	std::lock_guard<std::mutex> taken(audit);
}

static void check()
{
	std::lock_guard<std::mutex> held(audit);
	std::lock_guard<std::mutex> taken(ledger);
}

static void convert()
{
	std::shared_lock<std::shared_mutex> held(rates);
	std::lock_guard<std::mutex> taken(audit);
}

static void update()
{
	std::lock_guard<std::mutex> held(audit);
	std::unique_lock<std::shared_mutex> taken(rates);
}

/* std::lock takes both without an order: it tries, and lets go again. */
static void transfer()
{
	std::scoped_lock both(audit, ledger);
}

int main()
{
	for (auto *body : {book, check, convert, update, transfer}) {
		std::thread thread(body);
		thread.join();
	}
}
