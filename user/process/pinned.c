/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "process/pinned.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* The reading thread is there, or has failed, within this: it has one page to read. */
#define TAKE_MS 2000

struct pinned {
	int memory, maps, smaps, pagemap; /* files of /proc/PID */
	int faults;			  /* userfaultfd */
	int ended[2];			  /* a pipe: the thread closes its end */
	uint8_t *withheld;		  /* the page that the thread waits for */
	size_t page;			  /* bytes */
	uint64_t address;		  /* that it reads at */
	pthread_t thread;
	bool has_thread;
};

static int open_file(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void close_file(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int open_files(struct pinned *pinned, pid_t pid, struct error *error)
{
	static const char *const names[] = {"mem", "maps", "smaps", "pagemap"};
	int *const fds[] = {&pinned->memory, &pinned->maps, &pinned->smaps, &pinned->pagemap};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*fds[i] = open_file(pid, names[i]);
		if (*fds[i] < 0)
			return error__set(error, *fds[i], "cannot open /proc/%d/%s: %s", (int)pid,
				names[i], strerror(-*fds[i]));
	}
	return 0;
}

/* An address that can be read. */
static int find_address(struct pinned *pinned, pid_t pid, struct error *error)
{
	struct maps maps;
	int err = maps__read(pid, &maps, error);

	if (err)
		return err;
	err = -ESRCH;
	for (size_t i = 0; err && i < maps.size; i++) {
		if (!(maps.data[i].prot & PROT_READ))
			continue;
		pinned->address = maps.data[i].start;
		err = 0;
	}
	maps__free(&maps);
	return err ? error__set(error, err, "process %d has no memory", (int)pid) : 0;
}

static int withhold_page(struct pinned *pinned, struct error *error)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	void *page;

	pinned->faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (pinned->faults < 0)
		return error__set(error, -errno, "userfaultfd: %m");
	pinned->page = sysconf(_SC_PAGESIZE);
	page = mmap(NULL, pinned->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return error__set(error, -errno, "mmap: %m");
	pinned->withheld = page;
	range.range = (struct uffdio_range){(uintptr_t)page, pinned->page};
	if (ioctl(pinned->faults, UFFDIO_API, &api) ||
		ioctl(pinned->faults, UFFDIO_REGISTER, &range))
		return error__set(error, -errno, "userfaultfd: %m");
	return 0;
}

static void *hold_memory(void *context)
{
	struct pinned *pinned = context;

	if (pread(pinned->memory, pinned->withheld, 1, pinned->address) < 0)
		pinned->address = 0;
	close(pinned->ended[1]);
	return NULL;
}

/* Until the thread waits for its page. */
static int start_thread(struct pinned *pinned, struct error *error)
{
	struct pollfd events[2];
	int err;

	if (pipe2(pinned->ended, O_CLOEXEC))
		return error__set(error, -errno, "cannot make a pipe: %m");
	err = pthread_create(&pinned->thread, NULL, hold_memory, pinned);
	if (err)
		return error__set(error, -err, "cannot make a thread: %s", strerror(err));
	pinned->has_thread = true;
	events[0] = (struct pollfd){.fd = pinned->faults, .events = POLLIN};
	events[1] = (struct pollfd){.fd = pinned->ended[0], .events = POLLIN};
	if (poll(events, 2, TAKE_MS) > 0 && events[0].revents & POLLIN)
		return 0;
	return error__set(error, -ESRCH, "the process ended, or its memory cannot be read");
}

int pinned__take(pid_t pid, struct pinned **out, struct error *error)
{
	struct pinned *pinned = calloc(1, sizeof(*pinned));
	int err;

	*out = NULL;
	if (!pinned)
		return error__set(error, -ENOMEM, "out of memory");
	pinned->memory = pinned->maps = pinned->smaps = pinned->pagemap = pinned->faults = -1;
	pinned->ended[0] = pinned->ended[1] = -1;
	err = open_files(pinned, pid, error);
	err = err ? err : find_address(pinned, pid, error);
	err = err ? err : withhold_page(pinned, error);
	err = err ? err : start_thread(pinned, error);
	if (err)
		pinned__release(pinned);
	else
		*out = pinned;
	return err;
}

void pinned__release(struct pinned *pinned)
{
	if (!pinned)
		return;
	if (pinned->has_thread) {
		struct uffdio_zeropage given = {
			.range = {(uintptr_t)pinned->withheld, pinned->page},
		};

		/* If it fails, the page is there already. */
		(void)ioctl(pinned->faults, UFFDIO_ZEROPAGE, &given);
		pthread_join(pinned->thread, NULL);
	} else {
		close_file(pinned->ended[1]);
	}
	close_file(pinned->ended[0]);
	if (pinned->withheld)
		munmap(pinned->withheld, pinned->page);
	close_file(pinned->faults);
	close_file(pinned->memory);
	close_file(pinned->maps);
	close_file(pinned->smaps);
	close_file(pinned->pagemap);
	free(pinned);
}

ssize_t pinned__read(const struct pinned *pinned, uint64_t address, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got =
			pread(pinned->memory, (uint8_t *)to + done, size - done, address + done);

		if (got < 0 && errno == EINTR)
			continue;
		/* 0: the address space is gone. */
		if (got <= 0)
			return done ? (ssize_t)done : got ? -EFAULT : -ESRCH;
		done += got;
	}
	return done;
}

int pinned__pagemap(const struct pinned *pinned)
{
	return pinned->pagemap;
}

/* --- mappings */

/* All of a file, which the caller frees. NULL: it cannot be read (any more). */
static char *read_all(int fd, size_t *size)
{
	size_t capacity = 1 << 16;
	char *text = malloc(capacity), *grown;
	ssize_t got;

	*size = 0;
	while (text) {
		got = pread(fd, text + *size, capacity - *size, *size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			break;
		if (got > 0)
			*size += got;
		grown = got < 0 ? NULL : *size < capacity ? text : realloc(text, capacity *= 2);
		if (!grown)
			free(text);
		text = grown;
	}
	return text;
}

/* linux/fs.h, PROCMAP_QUERY (Linux 6.11), which does not ask for the process, only for its memory.
 */
struct procmap_query {
	uint64_t size, query_flags, query_address;
	uint64_t start, end, flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t name_size, build_id_size;
	uint64_t name_address, build_id_address;
};
#define PROCMAP_QUERY_CALL _IOWR('f', 17, struct procmap_query)
enum { PROCMAP_NEXT = 0x10, PROCMAP_SHARED = 8 };
#define NAME_SIZE 4096

/* Writes them as /proc/PID/maps would show them. */
static int query_maps(const struct pinned *pinned, FILE *file)
{
	char *name = malloc(NAME_SIZE);
	uint64_t address = 0;
	int err = name ? 0 : -ENOMEM;

	while (!err) {
		struct procmap_query query = {
			.size = sizeof(query),
			.query_flags = PROCMAP_NEXT,
			.query_address = address,
			.name_size = NAME_SIZE,
			.name_address = (uintptr_t)name,
		};

		if (ioctl(pinned->maps, PROCMAP_QUERY_CALL, &query)) {
			err = errno == ENOENT ? 0 : -errno;
			break;
		}
		fprintf(file, "%llx-%llx %c%c%c%c %llx %x:%x %llu %.*s\n",
			(unsigned long long)query.start, (unsigned long long)query.end,
			query.flags & PROT_READ ? 'r' : '-', query.flags & PROT_WRITE ? 'w' : '-',
			query.flags & PROT_EXEC ? 'x' : '-',
			query.flags & PROCMAP_SHARED ? 's' : 'p', (unsigned long long)query.offset,
			query.dev_major, query.dev_minor, (unsigned long long)query.inode,
			(int)query.name_size, query.name_size ? name : "");
		address = query.end;
	}
	free(name);
	return err;
}

static int query_smaps(const struct pinned *pinned, struct smaps *out)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	int err = file ? query_maps(pinned, file) : -ENOMEM;

	if (file && fclose(file))
		err = -ENOMEM;
	err = err ? err : smaps__parse(text, size, out);
	free(text);
	return err;
}

int pinned__smaps(const struct pinned *pinned, struct smaps *out)
{
	size_t size;
	char *text = read_all(pinned->smaps, &size);
	int err = text && size ? smaps__parse(text, size, out) : -ESRCH;

	free(text);
	return err == -ESRCH ? query_smaps(pinned, out) : err;
}
