// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors

// Go's goroutines, with cgo's threads, idle or [busy].
package main

// #include <pthread.h>
// static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
// static long count;
// static void add(void) { pthread_mutex_lock(&count_lock); count++; pthread_mutex_unlock(&count_lock); }
import "C"

import (
	"net"
	"os"
	"sync"
	"time"
)

func main() {
	var lock sync.Mutex
	jobs := make(chan int)
	done := 0
	for i := 0; i < 8; i++ {
		go func() {
			for range jobs {
				lock.Lock()
				done++
				lock.Unlock()
				C.add()
			}
		}()
	}
	if len(os.Args) > 1 {
		go func() {
			for i := 0; ; i++ {
				jobs <- 1
				if i%100 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	listener.Accept()
}
