// SPDX-License-Identifier: GPL-2.0-or-later
// SPDX-FileCopyrightText: 2026 the memtrace authors
// A C++ program with an interpreter in it that begins and ends three times, has a thread of C++
// that calls into it, and allocates when there is none; at last in a forked child without exec.
#include <Python.h>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

static void allocate_natively()
{
	for (int i = 0; i < 100; i++) {
		void *volatile block = malloc(77);
		free(block);
	}
}

static void call_from_thread()
{
	PyGILState_STATE state = PyGILState_Ensure();

	PyRun_SimpleString("def in_thread():\n"
			   "    global t\n"
			   "    t = [bytearray(2000) for _ in range(300)]\n"
			   "in_thread()\n");
	PyGILState_Release(state);
	allocate_natively();
}

static void live_once()
{
	PyThreadState *state;

	Py_Initialize();
	PyRun_SimpleString("def grow():\n"
			   "    global k\n"
			   "    k = [bytearray(3000) for _ in range(500)]\n"
			   "grow()\n");
	state = PyEval_SaveThread();
	std::thread(call_from_thread).join();
	PyEval_RestoreThread(state);
	Py_FinalizeEx();
	allocate_natively();
}

int main()
{
	for (int i = 0; i < 3; i++)
		live_once();
	if (fork() == 0) {
		allocate_natively();
		_exit(0);
	}
	wait(nullptr);
	puts("end");
	return 0;
}
