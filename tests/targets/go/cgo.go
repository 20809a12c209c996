// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors

// Goroutines that leak by one call of C: 4 x 250 blocks of 100 bytes, at one place.
package main

/*
#include <stdlib.h>
static void *volatile sink;
static void leak_in_c(void) { sink = malloc(100); }
*/
import "C"
import (
	"sync"
	"time"
)

//go:noinline
func leakOne() { C.leak_in_c() }

//go:noinline
func serve(n int) {
	var pad [64]int // stacks of several sizes, which grow meanwhile
	pad[n%64] = n
	if n%3 > 0 {
		serve(n - n%3)
		return
	}
	leakOne()
}

func main() {
	var workers sync.WaitGroup

	for w := 0; w < 4; w++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := 0; i < 250; i++ {
				serve(3 * i)
				time.Sleep(time.Microsecond)
			}
		}()
	}
	workers.Wait()
}
