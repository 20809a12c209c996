/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Qt's locks: qt_locks SCENARIO TRUTH-FILE. */
#include <QMutex>
#include <QReadWriteLock>
#include <QSemaphore>
#include <QThread>

#include "foreign.h"

QMutex document, view;
QRecursiveMutex outline;
QReadWriteLock model;
QSemaphore never_released;
static volatile long total;

static void *save(void *arg)
{
	document.lock();
	meet(0, "save", "view", &view, true);
	view.lock();
	total++;
	return arg;
}

static void *repaint(void *arg)
{
	view.lock();
	meet(1, "repaint", "document", &document, true);
	document.lock();
	total++;
	return arg;
}

static void mutexes(void)
{
	run_both(save, repaint, "DEADLOCK");
}

static void *read_model(void *arg)
{
	model.lockForRead();
	prctl(PR_SET_NAME, "reader");
	pthread_barrier_wait(&all_hold);
	outline.lock();
	total++;
	return arg;
}

static void *write_model(void *arg)
{
	outline.lock();
	prctl(PR_SET_NAME, "writer");
	pthread_barrier_wait(&all_hold);
	model.lockForWrite();
	total++;
	return arg;
}

/* The mutex inside the recursive one has no name. */
static void reader(void)
{
	pthread_t threads[2];

	pthread_barrier_init(&all_hold, NULL, 2);
	pthread_create(&threads[0], NULL, read_model, NULL);
	pthread_create(&threads[1], NULL, write_model, NULL);
	truth__settle();
	truth__verdict("DEADLOCK");
	pthread_join(threads[0], NULL);
}

struct acquirer : QThread {
	void run() override
	{
		never_released.acquire();
		total++;
	}
};

static void others(void)
{
	acquirer thread;

	thread.start();
	truth__settle();
	truth__verdict("HUNG");
	thread.wait();
}

static const struct scenario scenarios[] = {
	{"mutexes", mutexes},
	{"reader", reader},
	{"others", others},
};

int main(int argc, char **argv)
{
	return truth__main(argc, argv, scenarios, sizeof(scenarios) / sizeof(*scenarios));
}
