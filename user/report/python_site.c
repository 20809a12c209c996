/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "report/python_site.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "locks/functions.h"
#include "report/callers.h"
#include "report/function_name.h"
#include "symbols/trim.h"

/* Bytes of a function's and a package's name in the line about native code. */
#define FUNCTION_WIDTH 48
#define PACKAGE_WIDTH 40

/* How well a Python frame names a site; the best one that a stack has, innermost first, does. */
enum fitness { FITS_NOT, FITS_IMPORT, FITS_MADE, FITS_LIBRARY, FITS_APPLICATION };

static bool begins_with(const char *text, const char *beginning)
{
	return !strncmp(text, beginning, strlen(beginning));
}

bool python_site__has_python(const struct report_site *site)
{
	for (size_t i = 0; i < site->frame_count; i++)
		if (site->frames[i].is_python)
			return true;
	return false;
}

bool python_site__is_importing(const struct report_frame *frame)
{
	return frame->is_python && frame->file && begins_with(frame->file, "<frozen importlib");
}

/* ".../lib/python3.11/json/decoder.py", ".../site-packages/flask/app.py" */
static bool is_library(const char *file)
{
	const char *at = strstr(file, "/lib/python3");

	return strstr(file, "/site-packages/") || strstr(file, "/dist-packages/") ||
	       (at && strchr(at + strlen("/lib/"), '/')) || begins_with(file, "<frozen ");
}

/* Scripts that installed packages bring: /usr/bin/gunicorn, venv/bin/flask. */
static bool is_launcher(const char *file)
{
	const char *base = text__base_name(file);

	return base - file >= 5 && begins_with(base - 5, "/bin/") && !strchr(base, '.');
}

/* What dataclasses, named tuples and their like write and compile: __init__, __eq__. */
static bool is_made(const struct report_frame *frame)
{
	const char *name = strrchr(frame->function, '.');

	name = name ? name + 1 : frame->function;
	return !strcmp(frame->file, "<string>") &&
	       (begins_with(name, "__") || !strcmp(name, "<lambda>"));
}

static enum fitness fitness_of(const struct report_frame *frame)
{
	if (!frame->is_python || !frame->function || !frame->file)
		return FITS_NOT;
	if (python_site__is_importing(frame))
		return FITS_IMPORT;
	if (is_made(frame))
		return FITS_MADE;
	return is_library(frame->file) || is_launcher(frame->file) ? FITS_LIBRARY
								   : FITS_APPLICATION;
}

size_t python_site__first(const struct report_site *site)
{
	enum fitness best = FITS_NOT;
	size_t first = 0;

	for (size_t i = 0; i < site->frame_count; i++) {
		enum fitness fitness = fitness_of(&site->frames[i]);

		if (fitness <= best)
			continue;
		best = fitness;
		first = i;
	}
	return first;
}

/* "python3.11", "libpython3.11.so.1.0" */
static bool is_interpreter(const char *path)
{
	const char *base = text__base_name(path);

	return begins_with(base, "python3") || begins_with(base, "libpython3");
}

/* How the interpreter goes from one function to the next: not what asked for memory. */
static bool is_glue(const char *function)
{
	static const char *const parts[] = {"MakeTpCall", "Vectorcall", "vectorcall", "FastCall",
		"_PyEval_", "PyObject_Call", "PyCFunction_"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(function, parts[i]))
			return true;
	return false;
}

/* "_multiarray_umath" of "_multiarray_umath.cpython-311-x86_64-linux-gnu.so", "libz.so.1" as is. */
static int module_length(const char *base)
{
	const char *end = strstr(base, ".cpython-");

	if (!end)
		end = strstr(base, ".abi3.");
	if (!end && is_interpreter(base))
		end = strstr(base, ".so");
	return end ? (int)(end - base) : (int)strlen(base);
}

/* The package that was installed with the file, if it lies in a folder of one. */
static const char *package_of(const char *path, int *length)
{
	static const char *const folders[] = {"/site-packages/", "/dist-packages/"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const char *at = strstr(path, folders[i]);
		const char *end;

		if (!at)
			continue;
		at += strlen(folders[i]);
		end = strchr(at, '/');
		*length = end ? (int)(end - at) : 0;
		return end ? at : "";
	}
	*length = 0;
	return "";
}

/* The module that Python called, if it is not the interpreter itself; else the interpreter. */
static const char *find_module(const struct report_site *site, size_t count)
{
	const char *interpreter = NULL, *other = NULL;

	for (size_t i = 0; i < count; i++) {
		const char *module = site->frames[i].module;

		if (!module)
			continue;
		if (is_interpreter(module))
			interpreter = module;
		else if (!functions__is_libc(text__base_name(module)))
			other = module;
	}
	return other ? other : interpreter;
}

static const char *find_function(const struct report_site *site, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct report_frame *frame = &site->frames[i];

		if (frame->function && !trim__is_allocator(frame->function) &&
			!callers__is_plumbing(frame) && !is_glue(frame->function))
			return frame->function;
	}
	return NULL;
}

/* "(native: numpy _multiarray_umath) PyArray_Empty", of the @count frames inside all Python ones.
 */
static size_t describe_module(const struct report_site *site, size_t count, char *out, size_t size)
{
	const char *module = find_module(site, count), *name = find_function(site, count), *package;
	char function[NAME_SIZE] = "";
	int length;

	if (!module)
		return 0;
	if (name)
		function_name__shorten(name, FUNCTION_WIDTH, function);
	package = package_of(module, &length);
	return (size_t)snprintf(out, size, "(native: %.*s%s%.*s)%s%s",
		length < PACKAGE_WIDTH ? length : PACKAGE_WIDTH, package, length ? " " : "",
		module_length(text__base_name(module)), text__base_name(module), name ? " " : "",
		function);
}

/* The library's frame that frame @named called; NULL: none, but maybe native code. */
static const struct report_frame *find_callee(const struct report_site *site, size_t named)
{
	for (size_t i = named; i-- > 0;)
		if (site->frames[i].is_python && site->frames[i].function &&
			!python_site__is_importing(&site->frames[i]))
			return &site->frames[i];
	return NULL;
}

void python_site__describe_place(const struct report_frame *frame, char *out, size_t size)
{
	const char *file = frame->file ? frame->file : "(no file)", *base = text__base_name(file);

	/* Every package has such a file. */
	if (begins_with(base, "__") && base - file >= 2) {
		base--;
		while (base > file && base[-1] != '/')
			base--;
	}
	if (frame->line)
		snprintf(out, size, "%s:%u", base, frame->line);
	else
		snprintf(out, size, "%s", base);
}

void python_site__describe_native(const struct report_site *site, char *out)
{
	const struct report_frame *callee = find_callee(site, python_site__first(site));
	char function[NAME_SIZE], place[PYTHON_NATIVE_SIZE / 2];
	size_t count = 0, length;

	*out = '\0';
	while (count < site->frame_count && !site->frames[count].is_python)
		count++;
	length = describe_module(site, count, out, PYTHON_NATIVE_SIZE);
	if (!callee || length >= PYTHON_NATIVE_SIZE / 2)
		return;
	function_name__shorten(callee->function, FUNCTION_WIDTH, function);
	python_site__describe_place(callee, place, sizeof(place));
	if (length && out[length - 1] != ')')
		length += strlen(strcat(out, ",") + length);
	snprintf(out + length, PYTHON_NATIVE_SIZE - length, "%scalled by %.*s  %.*s",
		length ? " " : "", FUNCTION_WIDTH, function, PACKAGE_WIDTH, place);
}
