/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* absl's locks, whose waiters sleep on words of their own: absl_locks SCENARIO TRUTH-FILE. */
#include <absl/synchronization/mutex.h>

#include "foreign.h"

absl::Mutex accounts, audit;
absl::CondVar never_signalled;
static volatile long total;

static void *transfer(void *arg)
{
	absl::MutexLock first(&accounts);

	meet(0, "transfer", "audit", &audit, true);
	absl::MutexLock second(&audit);
	total++;
	return arg;
}

static void *report(void *arg)
{
	absl::MutexLock first(&audit);

	meet(1, "report", "accounts", &accounts, true);
	absl::MutexLock second(&accounts);
	total++;
	return arg;
}

static void mutexes(void)
{
	absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
	run_both(transfer, report, "DEADLOCK");
}

/* Its mutex is free meanwhile. */
static void condition(void)
{
	absl::MutexLock lock(&accounts);

	truth__verdict("HUNG");
	never_signalled.Wait(&accounts);
}

static const struct scenario scenarios[] = {
	{"mutexes", mutexes},
	{"condition", condition},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
