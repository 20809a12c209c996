/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Qt's pool and event loop, idle or [busy]: qt_pool. */
#include <QCoreApplication>
#include <QMutex>
#include <QReadWriteLock>
#include <QRunnable>
#include <QThreadPool>
#include <QTimer>

static QMutex document_lock;
static QReadWriteLock model_lock;
static long document, model;

struct Edit : QRunnable {
	void run() override
	{
		{
			QMutexLocker locker(&document_lock);

			document++;
		}
		{
			QReadLocker locker(&model_lock);

			if (model < 0)
				return;
		}
		QWriteLocker locker(&model_lock);

		model++;
	}
};

int main(int argc, char **argv)
{
	QCoreApplication application(argc, argv);
	QTimer timer;

	QThreadPool::globalInstance()->setMaxThreadCount(6);
	QThreadPool::globalInstance()->setExpiryTimeout(-1);
	for (int i = 0; i < 50; i++)
		QThreadPool::globalInstance()->start(new Edit);
	QObject::connect(&timer, &QTimer::timeout, [] {
		for (int i = 0; i < 50; i++)
			QThreadPool::globalInstance()->start(new Edit);
	});
	if (argc > 1)
		timer.start(2);
	return application.exec();
}
