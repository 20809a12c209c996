// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors

//! Rust's threads, idle or [busy].
use std::net::TcpListener;
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};
use std::thread;
use std::time::Duration;

static COUNT: Mutex<u64> = Mutex::new(0);
static TABLE: RwLock<u64> = RwLock::new(0);

fn read_and_write() {
    {
        let _read = TABLE.read().unwrap();
        *COUNT.lock().unwrap() += 1;
    }
    *TABLE.write().unwrap() += 1;
    *COUNT.lock().unwrap() += 1;
}

fn main() {
    let busy = std::env::args().nth(1).is_some();
    let jobs = Arc::new((Mutex::new(0u64), Condvar::new()));
    for _ in 0..6 {
        let jobs = jobs.clone();
        thread::spawn(move || loop {
            if busy {
                for _ in 0..100 {
                    read_and_write();
                }
                thread::sleep(Duration::from_millis(1));
            } else {
                let waiting = jobs.0.lock().unwrap();
                drop(jobs.1.wait(waiting).unwrap());
            }
        });
    }
    let (_sender, receiver) = mpsc::channel::<u8>();
    thread::spawn(move || receiver.recv());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in listener.incoming() {}
}
