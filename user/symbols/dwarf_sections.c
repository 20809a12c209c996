#include "symbols/dwarf_sections.h"

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

void dwarf_sections__find(Dwarf *dwarf, struct dwarf_sections *sections)
{
	const struct {
		const char *name;
		struct dwarf_cursor *bytes;
	} wanted[] = {{".debug_info", &sections->info}, {".debug_abbrev", &sections->abbrev},
		{".debug_line", &sections->line}, {".debug_line_str", &sections->line_str},
		{".debug_str", &sections->str}};
	Elf *elf = dwarf_getelf(dwarf);
	Elf_Scn *section = NULL;
	size_t names;

	*sections = (struct dwarf_sections){0};
	if (!elf || elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(section, &header) ||
			!(name = elf_strptr(elf, names, header.sh_name)))
			continue;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (strcmp(name, wanted[i].name) == 0)
				read_section(section, wanted[i].bytes);
	}
	cut_strings(&sections->line_str);
	cut_strings(&sections->str);
}
