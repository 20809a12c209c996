/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Names through a confined worker, which is this program, started once more. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/module.h"
#include "sandbox/worker.h"
#include "symbols/names_wire.h"
#include "symbols/names_worker.h"
#include "symbols/symbolizer.h"

/* --- what a worker may do, by trying it */

enum trial {
	OPENS_TEXT = 1, /* it could read a file that is no ELF file */
	OPENS_DEVICE = 2,
	OPENS_SOCKET = 4,
	MAKES_PROCESS = 8,
	MAPS_CODE = 16,
	SIGNALS = 32,
	REFUSED_ELF = 64, /* it could not read one that is */
	CREATES_FILE = 128,
};

static void serve_trials(void)
{
	static char request[WORKER_MESSAGE_SIZE];
	struct {
		uint32_t kind;
		uint32_t did;
	} answer = {.kind = 1};
	int fd;

	while (worker_side__receive(request, &fd) > 0) {
		answer.did = (open("/etc/passwd", O_RDONLY) >= 0 ? OPENS_TEXT : 0) |
			     (open("/dev/zero", O_RDONLY) >= 0 ? OPENS_DEVICE : 0) |
			     (socket(AF_INET, SOCK_STREAM, 0) >= 0 ? OPENS_SOCKET : 0) |
			     (fork() >= 0 ? MAKES_PROCESS : 0) |
			     (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
				      -1, 0) != MAP_FAILED
					     ? MAPS_CODE
					     : 0) |
			     (kill(getpid(), 0) == 0 ? SIGNALS : 0) |
			     (open("/proc/self/exe", O_RDONLY) < 0 ? REFUSED_ELF : 0) |
			     (open("/tmp/memtrace-test-must-not-be", O_CREAT | O_WRONLY, 0600) >= 0
					     ? CREATES_FILE
					     : 0);
		worker_side__answer(&answer, sizeof(answer));
	}
}

static void serve_forever(void)
{
	for (;;)
		;
}

static const struct worker_role roles[] = {
	{NAMES_ROLE, names_worker__serve}, {"trials", serve_trials}, {"spins", serve_forever}, {0}};

static struct worker *start(const char *role, uint64_t cpu_limit_ns)
{
	struct worker_calls calls = {.cpu_limit_ns = cpu_limit_ns};
	struct worker *worker;
	struct error error;

	if (worker__start(role, &calls, &worker, &error))
		fail_msg("%s", error.message);
	return worker;
}

static pid_t only_child(void)
{
	char path[64];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "re");
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

/* The value of a line of /proc/PID/status. */
static unsigned long long status_of(pid_t pid, const char *name, int base)
{
	unsigned long long value = ~0ull;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name), NULL, base);
	fclose(file);
	return value;
}

static void test_a_worker_has_no_privileges(void **state)
{
	struct worker *worker = start("trials", 0);
	pid_t pid = only_child();

	assert_int_equal(status_of(pid, "CapPrm:", 16), 0);
	assert_int_equal(status_of(pid, "CapEff:", 16), 0);
	assert_int_equal(status_of(pid, "CapInh:", 16), 0);
	assert_int_equal(status_of(pid, "CapAmb:", 16), 0);
	assert_int_equal(status_of(pid, "NoNewPrivs:", 10), 1);
	assert_int_equal(status_of(pid, "Seccomp:", 10), 2);
	worker__stop(worker);
}

static void test_a_worker_can_read_elf_files_and_nothing_else(void **state)
{
	static char answer[WORKER_MESSAGE_SIZE];
	struct worker *worker = start("trials", 0);
	uint32_t request = 1, did;

	assert_int_equal(worker__call(worker, &request, sizeof(request), -1, answer), 8);
	memcpy(&did, answer + 4, sizeof(did));
	assert_int_equal(did, 0);
	assert_int_equal(access("/tmp/memtrace-test-must-not-be", F_OK), -1);
	worker__stop(worker);
}

static void test_a_worker_that_never_answers_is_ended(void **state)
{
	static char answer[WORKER_MESSAGE_SIZE];
	struct worker *worker = start("spins", 50000000);
	uint32_t request = 1;

	assert_int_equal(worker__call(worker, &request, sizeof(request), -1, answer), -ETIMEDOUT);
	assert_string_equal(worker__end(worker), "it took too long");
	assert_int_equal(worker__call(worker, &request, sizeof(request), -1, answer), -EPIPE);
	worker__stop(worker);
}

/* --- names */

struct fixture {
	struct modules *modules;
	struct module *self;
	struct module *libc;
	struct symbolizer *confined;
	struct symbolizer *plain;
};

static struct module *add_module(struct modules *modules, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error error;
	struct module *module = modules__add_file(modules, fd, path, &error);

	assert_non_null(module);
	close(fd);
	return module;
}

/* A library that this program has mapped, whatever the distribution keeps it as. */
static const char *libc_path(void)
{
	static char path[256];
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "libc.so.6") &&
			sscanf(line, "%*s %*s %*s %*s %*s %255s", path) == 1)
			break;
	fclose(maps);
	return path;
}

static int set_up(void **state)
{
	static struct fixture fixture;
	struct symbolizer_options options = {.confined = true};

	fixture.modules = modules__new();
	fixture.self = add_module(fixture.modules, "/proc/self/exe");
	fixture.libc = add_module(fixture.modules, libc_path());
	fixture.confined = symbolizer__new(&options);
	fixture.plain = symbolizer__new(NULL);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	symbolizer__free(fixture->confined);
	symbolizer__free(fixture->plain);
	modules__free(fixture->modules);
	return 0;
}

static void assert_same(const struct symbol_frames *a, const struct symbol_frames *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct symbol_frame *x = &a->frames[i], *y = &b->frames[i];

		assert_int_equal(!x->function, !y->function);
		assert_int_equal(!x->file, !y->file);
		if (x->function)
			assert_string_equal(x->function, y->function);
		if (x->file)
			assert_string_equal(x->file, y->file);
		assert_int_equal(x->line, y->line);
		assert_int_equal(x->column, y->column);
		assert_int_equal(x->inlined, y->inlined);
		assert_int_equal(x->function_offset, y->function_offset);
	}
}

static size_t compare(struct fixture *fixture, const struct module *module, uint64_t step)
{
	size_t named = 0;

	for (uint64_t at = module->text_start; at < module->text_end; at += step) {
		struct symbol_frames own, told;

		assert_int_equal(symbolizer__resolve(fixture->plain, module, at, true, &own), 0);
		assert_int_equal(
			symbolizer__resolve(fixture->confined, module, at, true, &told), 0);
		assert_same(&own, &told);
		named += told.frames[0].function != NULL;
	}
	return named;
}

static void test_a_worker_gives_the_names_that_the_symbolizer_gives(void **state)
{
	struct fixture *fixture = *state;

	assert_true(compare(fixture, fixture->self, 331) > 100);
	assert_true(compare(fixture, fixture->libc, 4001) > 100);
}

static void resolve(struct fixture *fixture, const struct module *module, uint64_t at, bool named)
{
	struct symbol_frames frames;

	assert_int_equal(symbolizer__resolve(fixture->confined, module, at, false, &frames), 0);
	assert_int_equal(frames.frames[0].function != NULL, named);
}

/* The file that it died on stays unnamed; another one has names again. */
static void test_a_worker_that_dies_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct symbol_frames known;

	resolve(fixture, fixture->libc, fixture->libc->text_start + 0x10000, true);
	kill(only_child(), SIGSEGV);
	resolve(fixture, fixture->libc, fixture->libc->text_start + 0x20000, false);
	assert_int_equal(symbolizer__resolve(fixture->confined, fixture->libc,
				 fixture->libc->text_start + 0x10000, false, &known),
		0);
	assert_non_null(known.frames[0].function);
	assert_true(compare(fixture, fixture->self, 4001) > 10);
	resolve(fixture, fixture->libc, fixture->libc->text_start + 0x20000, false);
}

static void test_answers_that_are_none_are_refused(void **state)
{
	static struct symbol_frame frames[NAMES_MAX_FRAMES];
	struct {
		struct names_frames head;
		struct names_frame frame;
		char text[6];
	} answer = {{.kind = NAMES_FRAMES, .count = 1}, {.function_size = 5}, "main"};
	size_t size = offsetof(typeof(answer), text) + 5;

	assert_int_equal(names_worker__read(&answer, size, frames), 1);
	assert_string_equal(frames[0].function, "main");
	assert_int_equal(names_worker__read(&answer, size - 1, frames), -EBADMSG);
	answer.frame.function_size = 4; /* without its end */
	assert_int_equal(names_worker__read(&answer, size, frames), -EBADMSG);
	answer.frame.function_size = UINT32_MAX;
	assert_int_equal(names_worker__read(&answer, size, frames), -EBADMSG);
	answer.head.count = NAMES_MAX_FRAMES + 1;
	assert_int_equal(names_worker__read(&answer, size, frames), -EBADMSG);
	answer.head.count = 0;
	assert_int_equal(names_worker__read(&answer, sizeof(answer.head), frames), 0);
	assert_int_equal(names_worker__read(&answer, sizeof(answer.head) - 1, frames), -EBADMSG);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_worker_has_no_privileges),
		cmocka_unit_test(test_a_worker_can_read_elf_files_and_nothing_else),
		cmocka_unit_test(test_a_worker_that_never_answers_is_ended),
		cmocka_unit_test_setup_teardown(
			test_a_worker_gives_the_names_that_the_symbolizer_gives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_worker_that_dies_is_replaced, set_up, tear_down),
		cmocka_unit_test(test_answers_that_are_none_are_refused),
	};

	worker_side__run(argc, argv, roles);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
