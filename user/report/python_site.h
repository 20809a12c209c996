/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * What a Python developer calls a call site by: the innermost line of the application, not one of
 * the standard library, of an installed package or of the import system; and what ran natively
 * inside of it.
 */
#ifndef MEMTRACE_REPORT_PYTHON_SITE_H
#define MEMTRACE_REPORT_PYTHON_SITE_H

#include "report/model.h"

/* Size of the result of python_site__describe_native */
#define PYTHON_NATIVE_SIZE 512

/* Whether a frame of @site, which has names, is a Python frame. */
bool python_site__has_python(const struct report_site *site);

/*
 * The index of the frame that names @site: the application's innermost; else that of a library, of
 * code that a library made, of the import system, whichever there is first. 0 without Python.
 */
size_t python_site__first(const struct report_site *site);

/* Whether a frame is of the interpreter's way to import modules, which Python itself hides. */
bool python_site__is_importing(const struct report_frame *frame);

/* Where a Python frame is, as "decoder.py:337", "json/__init__.py:346": @size bytes at @out. */
void python_site__describe_place(const struct report_frame *frame, char *out, size_t size);

/*
 * What the frame that names the site called on the way to the allocation, as "(native: numpy
 * _multiarray_umath) PyArray_Empty, called by full  numeric.py:344": the package and module of an
 * extension, else the library or interpreter; the function that asked for memory, if it has a name;
 * and what of a Python library the application called, if it did. PYTHON_NATIVE_SIZE bytes at @out,
 * "" if there is nothing of this, as where only Python frames were kept.
 */
void python_site__describe_native(const struct report_site *site, char *out);

#endif
