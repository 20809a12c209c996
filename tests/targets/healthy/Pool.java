/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Java's pool, monitors and locks, idle or [busy]. */
import java.net.ServerSocket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.ReentrantLock;

public class Pool {
	static final Object monitor = new Object();
	static final ReentrantLock lock = new ReentrantLock();

	static int job() {
		synchronized (monitor) {
			lock.lock();
			try {
				return new byte[2000].length;
			} finally {
				lock.unlock();
			}
		}
	}

	static void drive(ExecutorService pool) {
		for (;;) {
			try {
				for (int i = 0; i < 20; i++)
					pool.submit(Pool::job);
				pool.submit(Pool::job).get();
				Thread.sleep(1);
			} catch (Exception e) {
				throw new RuntimeException(e);
			}
		}
	}

	public static void main(String[] arguments) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(8);

		for (int i = 0; i < 8; i++)
			pool.submit(Pool::job);
		if (arguments.length > 0)
			new Thread(() -> drive(pool)).start();
		new ServerSocket(0).accept();
	}
}
