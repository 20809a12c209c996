/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Strings inside of .debug_info: of a hostile file, the last one may not end. */
#include <dwarf.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/dwarf_sections.h"

/* One abbreviation: a compile unit without children, whose name stands in the unit. */
static const uint8_t abbreviations[] = {
	1, DW_TAG_compile_unit, DW_CHILDREN_no, DW_AT_name, DW_FORM_string, 0, 0, 0};
/* Version 4, abbreviations at 0, addresses of 8 bytes; the unit's length goes first. */
static uint8_t unit[] = {15, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 1, 'n', 'a', 'm', 'e', 's', 0, 0};
static const char names[] = "\0.debug_abbrev\0.debug_info\0.shstrtab";

enum { SECTIONS = 4, UNIT_OFFSET = 600 };

/* @unit_size: how much of the unit is in the section. An fd. */
static int make_file(size_t unit_size)
{
	uint8_t bytes[1024] = {0};
	Elf64_Ehdr header = {.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
		.e_shoff = 64,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = 3};
	Elf64_Shdr sections[SECTIONS] = {{0},
		{.sh_name = 1,
			.sh_type = SHT_PROGBITS,
			.sh_offset = 400,
			.sh_size = sizeof(abbreviations)},
		{.sh_name = 15,
			.sh_type = SHT_PROGBITS,
			.sh_offset = UNIT_OFFSET,
			.sh_size = unit_size},
		{.sh_name = 27, .sh_type = SHT_STRTAB, .sh_offset = 500, .sh_size = sizeof(names)}};
	int fd = memfd_create("dwarf", MFD_CLOEXEC);

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + 64, sections, sizeof(sections));
	memcpy(bytes + 400, abbreviations, sizeof(abbreviations));
	memcpy(bytes + 500, names, sizeof(names));
	memset(bytes + UNIT_OFFSET, 'x', sizeof(bytes) - UNIT_OFFSET);
	memcpy(bytes + UNIT_OFFSET, unit, unit_size);
	bytes[UNIT_OFFSET] = unit_size - 4;
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	return fd;
}

/* The unit's name in a file with @unit_size bytes of it; "" if it has none that can be used. */
static void expect_name(size_t unit_size, const char *expected)
{
	struct dwarf_sections sections;
	int fd = make_file(unit_size);
	Dwarf_Attribute attribute;
	Dwarf_CU *cu = NULL;
	const char *name;
	Dwarf_Die die;
	Dwarf *dwarf;

	elf_version(EV_CURRENT);
	dwarf = dwarf_begin(fd, DWARF_C_READ);
	assert_non_null(dwarf);
	dwarf_sections__find(dwarf, &sections);
	assert_int_equal(dwarf_get_units(dwarf, NULL, &cu, NULL, NULL, &die, NULL), 0);
	assert_non_null(dwarf_attr(&die, DW_AT_name, &attribute));
	name = dwarf_sections__attribute_string(&sections, &attribute);
	if (!*expected)
		assert_null(name);
	else
		assert_string_equal(name, expected);
	dwarf_end(dwarf);
	close(fd);
}

static void test_a_string_in_a_unit_is_given_as_it_is(void **state)
{
	expect_name(sizeof(unit), "names");
}

static void test_an_empty_string_is_none(void **state)
{
	uint8_t *name = memchr(unit, 'n', sizeof(unit));

	*name = 0;
	expect_name(sizeof(unit), "");
	*name = 'n';
}

static void test_a_string_that_the_section_cuts_is_none(void **state)
{
	expect_name(sizeof(unit) - 4, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_string_in_a_unit_is_given_as_it_is),
		cmocka_unit_test(test_an_empty_string_is_none),
		cmocka_unit_test(test_a_string_that_the_section_cuts_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
