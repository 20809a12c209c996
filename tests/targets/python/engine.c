/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * An extension module with a lock and a thread of its own: it hangs against the GIL in whichever
 * way it is told, and allocates for the program that knows its stack.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t begun;

/* Has the engine's lock and wants to call back into Python. */
static void *work(void *unused)
{
	PyGILState_STATE state;

	(void)unused;
	pthread_mutex_lock(&engine_lock);
	pthread_barrier_wait(&begun);
	state = PyGILState_Ensure();
	PyGILState_Release(state);
	pthread_mutex_unlock(&engine_lock);
	return NULL;
}

/*
 * Called with the GIL, wants the engine's lock when a worker has it already. In one call: between
 * two the interpreter may let the worker have the GIL.
 */
static PyObject *status(PyObject *self, PyObject *unused)
{
	pthread_t thread;

	(void)self;
	(void)unused;
	pthread_barrier_init(&begun, NULL, 2);
	pthread_create(&thread, NULL, work, NULL);
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&engine_lock);
	pthread_mutex_unlock(&engine_lock);
	Py_RETURN_NONE;
}

static pthread_barrier_t has_lock, has_gil;

/* The other way round: lets the GIL go, has the engine's lock, and wants the GIL back. */
static PyObject *hold(PyObject *self, PyObject *unused)
{
	PyThreadState *state = PyEval_SaveThread();

	(void)self;
	(void)unused;
	pthread_mutex_lock(&engine_lock);
	pthread_barrier_wait(&has_lock);
	pthread_barrier_wait(&has_gil);
	PyEval_RestoreThread(state);
	pthread_mutex_unlock(&engine_lock);
	Py_RETURN_NONE;
}

/* In another thread of Python: keeps the GIL until it gets the lock that hold() has. */
static PyObject *take(PyObject *self, PyObject *unused)
{
	PyThreadState *state = PyEval_SaveThread();

	(void)self;
	(void)unused;
	pthread_barrier_wait(&has_lock);
	PyEval_RestoreThread(state);
	pthread_barrier_wait(&has_gil);
	pthread_mutex_lock(&engine_lock);
	pthread_mutex_unlock(&engine_lock);
	Py_RETURN_NONE;
}

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

/* Has the engine's lock and wants the log's. */
static void *write_log(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&engine_lock);
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&log_lock);
	return NULL;
}

/* Has the log's lock and wants to call back into Python. */
static void *format_log(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&log_lock);
	pthread_barrier_wait(&begun);
	PyGILState_Ensure();
	return NULL;
}

/* Called with the GIL, wants the engine's lock: the third of three. */
static PyObject *flush(PyObject *self, PyObject *unused)
{
	pthread_t threads[2];

	(void)self;
	(void)unused;
	pthread_barrier_init(&begun, NULL, 3);
	pthread_create(&threads[0], NULL, write_log, NULL);
	pthread_create(&threads[1], NULL, format_log, NULL);
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&engine_lock);
	Py_RETURN_NONE;
}

/* The sizes by which the blocks of the program are known: one leaks for each call. */
static PyObject *allocate(PyObject *self, PyObject *args)
{
	Py_ssize_t size;

	(void)self;
	if (!PyArg_ParseTuple(args, "n", &size))
		return NULL;
	if (!malloc(size))
		return PyErr_NoMemory();
	Py_RETURN_NONE;
}

/* Calls back into Python, as sort functions and event loops do. */
static PyObject *call(PyObject *self, PyObject *function)
{
	(void)self;
	return PyObject_CallNoArgs(function);
}

static PyMethodDef methods[] = {
	{"status", status, METH_NOARGS, ""},
	{"hold", hold, METH_NOARGS, ""},
	{"take", take, METH_NOARGS, ""},
	{"flush", flush, METH_NOARGS, ""},
	{"allocate", allocate, METH_VARARGS, ""},
	{"call", call, METH_O, ""},
	{0},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT, "engine", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_engine(void);

PyMODINIT_FUNC PyInit_engine(void)
{
	pthread_barrier_init(&has_lock, NULL, 2);
	pthread_barrier_init(&has_gil, NULL, 2);
	return PyModule_Create(&definition);
}
