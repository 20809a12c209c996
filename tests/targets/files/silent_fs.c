/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * silent_fs FILE DIRECTORY: mounts on DIRECTORY a FUSE file system that holds FILE under the name
 * "file", and serves it until it is told to end (SIGTERM), which unmounts it. Nothing is cached
 * but the file's pages, so that whoever opens it or asks for its size waits for an answer: while
 * this process is stopped, forever. Prints "ready" once it is mounted.
 *
 * The protocol is the kernel's own, linux/fuse.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_NODE 2
#define MAX_WRITE 4096
#define MAX_READ (128u << 10)

static int fuse, served;
static uint64_t size;

static void reply(uint64_t unique, int error, const void *data, size_t length)
{
	struct fuse_out_header header = {sizeof(header) + length, -error, unique};
	struct iovec parts[] = {{&header, sizeof(header)}, {(void *)data, length}};

	/* Whoever asked may be gone: ENOENT. */
	if (writev(fuse, parts, length ? 2 : 1) < 0 && errno != ENOENT)
		_exit(4);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node == FILE_NODE ? S_IFREG | 0755 : S_IFDIR | 0755,
		.size = node == FILE_NODE ? size : 0,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void initialize(uint64_t unique)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = MAX_READ,
		.max_write = MAX_WRITE,
	};

	reply(unique, 0, &out, sizeof(out));
}

static void look_up(uint64_t unique, const char *name)
{
	struct fuse_entry_out out = {.nodeid = FILE_NODE, .attr = attributes(FILE_NODE)};

	if (strcmp(name, "file") != 0)
		reply(unique, ENOENT, NULL, 0);
	else
		reply(unique, 0, &out, sizeof(out));
}

static void read_file(uint64_t unique, const struct fuse_read_in *in)
{
	static char data[MAX_READ];
	ssize_t got = pread(served, data, in->size < MAX_READ ? in->size : MAX_READ, in->offset);

	reply(unique, got < 0 ? errno : 0, data, got < 0 ? 0 : got);
}

static void answer(const struct fuse_in_header *in, const void *argument)
{
	struct fuse_attr_out attr = {.attr = attributes(in->nodeid)};
	struct fuse_open_out open = {.open_flags = FOPEN_KEEP_CACHE};
	struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255}};

	switch (in->opcode) {
	case FUSE_INIT:
		initialize(in->unique);
		break;
	case FUSE_LOOKUP:
		look_up(in->unique, argument);
		break;
	case FUSE_GETATTR:
		reply(in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		reply(in->unique, 0, &open, sizeof(open));
		break;
	case FUSE_READ:
		read_file(in->unique, argument);
		break;
	case FUSE_STATFS:
		reply(in->unique, 0, &statfs, sizeof(statfs));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		reply(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* have no answer */
	default:
		reply(in->unique, ENOSYS, NULL, 0);
	}
}

static void do_nothing(int signal)
{
}

int main(int argc, char **argv)
{
	static _Alignas(8) char request[FUSE_MIN_READ_BUFFER + MAX_READ];
	struct sigaction end = {.sa_handler = do_nothing}; /* interrupts read() */
	struct stat status;
	char options[128];

	if (argc != 3)
		return 2;
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	served = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fuse < 0 || served < 0 || fstat(served, &status))
		return 3;
	size = status.st_size;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%d,group_id=%d", fuse,
		getuid(), getgid());
	if (mount("silent_fs", argv[2], "fuse.silent", 0, options))
		return 3;
	sigaction(SIGTERM, &end, NULL);
	puts("ready");
	fflush(stdout);
	while (read(fuse, request, sizeof(request)) > 0)
		answer((const void *)request, request + sizeof(struct fuse_in_header));
	umount2(argv[2], MNT_DETACH);
	return 0;
}
