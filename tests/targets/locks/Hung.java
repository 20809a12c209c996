/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Java threads that hang: Hung SCENARIO TRUTH-FILE. */
import java.io.FileWriter;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.locks.ReentrantLock;

public class Hung {
	static final ReentrantLock left = new ReentrantLock(), right = new ReentrantLock();
	static final CyclicBarrier bothHold = new CyclicBarrier(2);
	static final Object account = new Object();

	static void takeBoth(ReentrantLock first, ReentrantLock second) {
		first.lock();
		try {
			bothHold.await();
		} catch (Exception e) {
			return;
		}
		second.lock();
	}

	static void locks() throws Exception {
		new Thread(() -> takeBoth(left, right), "place-order").start();
		new Thread(() -> takeBoth(right, left), "restock").start();
	}

	/* Whoever is joined wants the monitor of whoever joins. */
	static void join() throws Exception {
		Thread worker = new Thread(() -> {
			synchronized (account) {
				System.out.println();
			}
		}, "worker");

		synchronized (account) {
			worker.start();
			worker.join();
		}
	}

	static void say(String path, String scenario) throws Exception {
		try (FileWriter file = new FileWriter(path)) {
			file.write("{\"scenario\":\"" + scenario + "\",\"pid\":" + ProcessHandle.current().pid() + "}\n");
			file.write("{\"verdict\":\"JAVA\"}\n");
		}
	}

	public static void main(String[] args) throws Exception {
		say(args[1], args[0]);
		switch (args[0]) {
		case "locks":
			locks();
			break;
		case "latch":
			new CountDownLatch(1).await();
			break;
		case "join":
			join();
			break;
		}
	}
}
