/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "attach/kernel_btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"
/* More than that no kernel has. */
#define MAX_BTF_BYTES (256 << 20)

/* What follows a type of this kind, bytes; -1: no such kind is known. */
static int64_t size_after(uint32_t kind, uint32_t members)
{
	switch (kind) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return members * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return members * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return members * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return members * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return members * sizeof(struct btf_var_secinfo);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return -1;
	}
}

/* The part of @data that the header speaks of; empty and bad if it is not there. */
static struct bytes section(const void *data, size_t size, uint64_t offset, uint64_t length)
{
	struct bytes all = bytes__of(data, size);
	const uint8_t *start;

	bytes__skip(&all, offset);
	start = bytes__take(&all, length);
	return all.bad ? all : bytes__of(start, length);
}

static void note_type(struct kernel_type *types, size_t count, const struct btf_type *type,
	const struct bytes *strings, int number)
{
	for (size_t i = 0; i < count; i++) {
		size_t length;

		/* Most types end here: there are 130,000 of them. */
		if (types[i].kind != BTF_INFO_KIND(type->info) || types[i].number > 0)
			continue;
		length = strlen(types[i].name) + 1;
		if (type->name_off < bytes__left(strings) &&
			length <= bytes__left(strings) - type->name_off &&
			!memcmp(strings->at + type->name_off, types[i].name, length))
			types[i].number = number;
	}
}

int kernel_btf__find_in(const void *data, size_t size, struct kernel_type *types, size_t count)
{
	struct bytes read, strings;
	struct btf_header header;
	struct btf_type type;

	for (size_t i = 0; i < count; i++)
		types[i].number = -ENOENT;
	if (size < sizeof(header))
		return -EINVAL;
	memcpy(&header, data, sizeof(header));
	if (header.magic != BTF_MAGIC)
		return -EINVAL;
	read = section(data, size, (uint64_t)header.hdr_len + header.type_off, header.type_len);
	strings = section(data, size, (uint64_t)header.hdr_len + header.str_off, header.str_len);
	/* Number 0 is void, which is not written down. */
	for (int number = 1; !strings.bad && bytes__left(&read); number++) {
		const uint8_t *at = bytes__take(&read, sizeof(type));
		int64_t after;

		if (!at)
			break;
		memcpy(&type, at, sizeof(type));
		after = size_after(BTF_INFO_KIND(type.info), BTF_INFO_VLEN(type.info));
		if (after < 0 || !bytes__skip(&read, after))
			return -EINVAL;
		note_type(types, count, &type, &strings, number);
	}
	return read.bad || strings.bad ? -EINVAL : 0;
}

/* Before Linux 6.16 it could not be mapped. */
static int find_in_copy(struct kernel_type *types, size_t count)
{
	size_t size;
	char *data;
	int err = file__read(KERNEL_BTF, MAX_BTF_BYTES, &data, &size);

	if (err)
		return err;
	err = kernel_btf__find_in(data, size, types, count);
	free(data);
	return err;
}

int kernel_btf__find(struct kernel_type *types, size_t count)
{
	int fd = open(KERNEL_BTF, O_RDONLY | O_CLOEXEC), err;
	struct stat status = {0};
	void *data = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &status) && status.st_size > 0)
		data = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return find_in_copy(types, count);
	err = kernel_btf__find_in(data, status.st_size, types, count);
	munmap(data, status.st_size);
	return err;
}
