#include "target/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int root__reopen(int path_fd)
{
	struct stat status;
	char link[64];
	int fd;

	if (path_fd < 0)
		return -errno;
	if (fstat(path_fd, &status) || !S_ISREG(status.st_mode)) {
		close(path_fd);
		return -ENOEXEC;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	fd = fd < 0 ? -errno : fd;
	close(path_fd);
	return fd;
}

int root__open(pid_t pid, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	char root_path[64];
	int root, fd;

	snprintf(root_path, sizeof(root_path), "/proc/%d/root", pid);
	root = open(root_path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	if (root < 0)
		return -errno;
	fd = root__reopen(syscall(SYS_openat2, root, path, &how, sizeof(how)));
	close(root);
	return fd;
}

int root__open_own(const char *path)
{
	return root__reopen(open(path, O_PATH | O_CLOEXEC));
}
