#include "symbols/dwarf_sections.h"

#include <dwarf.h>
#include <gelf.h>

static void read_section(Elf_Scn *section, struct dwarf_cursor *bytes)
{
	Elf_Data *data = elf_getdata(section, NULL);

	if (!data || !data->d_buf)
		return;
	bytes->at = data->d_buf;
	bytes->end = bytes->at + data->d_size;
}

/* Cuts what is behind the last 0 byte, so that whatever begins before the end is a string. */
static void cut_strings(struct dwarf_cursor *bytes)
{
	const uint8_t *last = bytes->at ? memrchr(bytes->at, 0, cursor__left(bytes)) : NULL;

	bytes->end = last ? last + 1 : bytes->at;
}

struct wanted_section {
	const char *name;
	struct dwarf_cursor *bytes;
};

static void find_sections(Elf *elf, const struct wanted_section *wanted, size_t count)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(section, &header) ||
			!(name = elf_strptr(elf, names, header.sh_name)))
			continue;
		for (size_t i = 0; i < count; i++)
			if (strcmp(name, wanted[i].name) == 0)
				read_section(section, wanted[i].bytes);
	}
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void dwarf_sections__find(Dwarf *dwarf, struct dwarf_sections *sections)
{
	const struct wanted_section wanted[] = {{".debug_info", &sections->info},
		{".debug_abbrev", &sections->abbrev}, {".debug_line", &sections->line},
		{".debug_line_str", &sections->line_str}, {".debug_str", &sections->str},
		{".debug_types", &sections->types}};
	const struct wanted_section shared[] = {{".debug_info", &sections->shared}};
	Dwarf *alternate = dwarf_getalt(dwarf);

	*sections = (struct dwarf_sections){0};
	find_sections(dwarf_getelf(dwarf), wanted, COUNT(wanted));
	if (alternate)
		find_sections(dwarf_getelf(alternate), shared, COUNT(shared));
	cut_strings(&sections->line_str);
	cut_strings(&sections->str);
}

static bool ends_in(const struct dwarf_cursor *section, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	return section->at && at >= section->at && at < section->end &&
	       memchr(at, 0, section->end - at);
}

const char *dwarf_sections__attribute_string(
	const struct dwarf_sections *sections, Dwarf_Attribute *attribute)
{
	const char *text = dwarf_formstring(attribute);

	/* libdw checks those that stand in sections of strings. */
	if (!text || dwarf_whatform(attribute) != DW_FORM_string)
		return text;
	return ends_in(&sections->info, text) || ends_in(&sections->types, text) ||
			       ends_in(&sections->shared, text)
		       ? text
		       : NULL;
}
