/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Numbers of types in the kernel's BTF, compared with libbpf's. */
#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attach/kernel_btf.h"

static void test_this_kernels_types_have_the_numbers_that_libbpf_finds(void **state)
{
	struct kernel_type types[] = {
		{.name = "task_struct", .kind = BTF_KIND_STRUCT},
		{.name = "bpf_iter_task", .kind = BTF_KIND_FUNC},
		{.name = "btf_trace_sched_process_fork", .kind = BTF_KIND_TYPEDEF},
		{.name = "int", .kind = BTF_KIND_INT},
		{.name = "int", .kind = BTF_KIND_STRUCT},
		{.name = "there is no such type", .kind = BTF_KIND_FUNC},
	};
	size_t count = sizeof(types) / sizeof(*types);
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		skip();
	assert_int_equal(kernel_btf__find(types, count), 0);
	for (size_t i = 0; i < count; i++) {
		int number = btf__find_by_name_kind(btf, types[i].name, types[i].kind);

		assert_int_equal(types[i].number, number);
		assert_int_equal(number > 0, i < 4);
	}
	btf__free(btf);
}

/* BTF of every kind of type, which a function that is looked for ends. */
static struct btf *make_btf(void)
{
	struct btf *btf = btf__new_empty();

	assert_non_null(btf);
	assert_true(btf__add_int(btf, "word", 4, 0) == 1);
	assert_true(btf__add_ptr(btf, 1) == 2);
	assert_true(btf__add_array(btf, 1, 1, 3) == 3);
	assert_true(btf__add_struct(btf, "pair", 8) == 4);
	assert_int_equal(btf__add_field(btf, "first", 1, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "second", 1, 32, 0), 0);
	assert_true(btf__add_enum(btf, "colour", 4) == 5);
	assert_int_equal(btf__add_enum_value(btf, "red", 1), 0);
	assert_true(btf__add_enum64(btf, "size", 8, false) == 6);
	assert_int_equal(btf__add_enum64_value(btf, "huge", 1), 0);
	assert_true(btf__add_var(btf, "global", BTF_VAR_STATIC, 1) == 7);
	assert_true(btf__add_datasec(btf, ".data", 4) == 8);
	assert_int_equal(btf__add_datasec_var_info(btf, 7, 0, 4), 0);
	assert_true(btf__add_float(btf, "real", 8) == 9);
	assert_true(btf__add_func_proto(btf, 1) == 10);
	assert_int_equal(btf__add_func_param(btf, "argument", 1), 0);
	assert_true(btf__add_decl_tag(btf, "tag", 4, 0) == 11);
	assert_true(btf__add_func(btf, "wanted", BTF_FUNC_GLOBAL, 10) == 12);
	return btf;
}

static void test_every_kind_of_type_is_stepped_over(void **state)
{
	struct kernel_type wanted = {.name = "wanted", .kind = BTF_KIND_FUNC};
	struct btf *btf = make_btf();
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	assert_int_equal(kernel_btf__find_in(data, size, &wanted, 1), 0);
	assert_int_equal(wanted.number, 12);
	btf__free(btf);
}

/* Wherever it is cut or a byte of it is another, nothing outside is read. */
static void test_damaged_data_is_refused_or_has_other_types(void **state)
{
	struct kernel_type wanted = {.name = "wanted", .kind = BTF_KIND_FUNC};
	struct btf *btf = make_btf();
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	for (uint32_t i = 0; i < size; i++) {
		/* Of its own, so that a sanitizer sees a read past its end. */
		uint8_t *copy = malloc(size);

		memcpy(copy, data, size);
		copy[i] ^= 0xff;
		kernel_btf__find_in(copy, size, &wanted, 1);
		assert_true(wanted.number == -ENOENT || wanted.number > 0);
		free(copy);
		copy = malloc(i ? i : 1);
		memcpy(copy, data, i);
		assert_int_equal(kernel_btf__find_in(copy, i, &wanted, 1), -EINVAL);
		free(copy);
	}
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_this_kernels_types_have_the_numbers_that_libbpf_finds),
		cmocka_unit_test(test_every_kind_of_type_is_stepped_over),
		cmocka_unit_test(test_damaged_data_is_refused_or_has_other_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
