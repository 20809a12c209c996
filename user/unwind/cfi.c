/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "unwind/cfi.h"

/* LSB Core 10.5: pointer encodings. */
#define DW_EH_PE_absptr 0x00
#define DW_EH_PE_uleb128 0x01
#define DW_EH_PE_udata2 0x02
#define DW_EH_PE_udata4 0x03
#define DW_EH_PE_udata8 0x04
#define DW_EH_PE_sleb128 0x09
#define DW_EH_PE_sdata2 0x0a
#define DW_EH_PE_sdata4 0x0b
#define DW_EH_PE_sdata8 0x0c
#define DW_EH_PE_pcrel 0x10
#define DW_EH_PE_omit 0xff

struct cfi_entry {
	size_t offset; /* of the entry in the section */
	size_t id_offset;
	uint64_t id;
	struct bytes body; /* after the id */
	bool is_end;
};

static struct bytes reader_at(const struct cfi_section *section, size_t offset)
{
	const uint8_t *end = section->bytes->data + section->bytes->size;

	if (offset > section->bytes->size)
		return (struct bytes){.at = end, .end = end, .bad = true};
	return (struct bytes){.at = section->bytes->data + offset, .end = end};
}

static size_t offset_of(const struct cfi_section *section, const struct bytes *r)
{
	return r->at - section->bytes->data;
}

static uint64_t vaddr_of(const struct cfi_section *section, const struct bytes *r)
{
	return section->bytes->vaddr + offset_of(section, r);
}

/*
 * Reads length and id. In .eh_frame the id is always 4 bytes, and a zero length ends the section;
 * in .debug_frame it grows with the length's format. *@next = offset after the entry. False if
 * nothing can be read here or after.
 */
static bool read_entry(
	const struct cfi_section *section, size_t offset, struct cfi_entry *entry, size_t *next)
{
	struct bytes r = reader_at(section, offset);
	uint64_t length = bytes__u32(&r);
	bool wide = length == 0xffffffff;

	if (wide)
		length = bytes__u64(&r);
	if (r.bad || length > bytes__left(&r))
		return false;
	*entry = (struct cfi_entry){.offset = offset, .body = {.at = r.at, .end = r.at + length}};
	*next = offset_of(section, &r) + length;
	if (!length) {
		entry->is_end = !section->is_debug_frame;
		entry->body.bad = true;
		return true;
	}
	entry->id_offset = offset_of(section, &r);
	entry->id = wide && section->is_debug_frame ? bytes__u64(&entry->body)
						    : bytes__u32(&entry->body);
	return true;
}

static bool is_cie(const struct cfi_section *section, const struct cfi_entry *entry)
{
	if (!section->is_debug_frame)
		return entry->id == 0;
	return entry->id == 0xffffffff || entry->id == UINT64_MAX;
}

static uint64_t read_pointer(const struct cfi_section *section, struct bytes *r, uint8_t encoding)
{
	uint64_t from = 0;

	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		from = vaddr_of(section, r);
	else if (encoding & 0xf0) /* relative to text, data, function; or indirect: not for code */
		bytes__fail(r);
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return from + bytes__u64(r);
	case DW_EH_PE_uleb128:
		return from + bytes__uleb(r);
	case DW_EH_PE_sleb128:
		return from + bytes__sleb(r);
	case DW_EH_PE_udata2:
		return from + bytes__u16(r);
	case DW_EH_PE_sdata2:
		return from + bytes__s16(r);
	case DW_EH_PE_udata4:
		return from + bytes__u32(r);
	case DW_EH_PE_sdata4:
		return from + bytes__s32(r);
	}
	bytes__fail(r);
	return 0;
}

/* Skips the personality routine's address, which unwinding without running it does not need. */
static void skip_personality(struct bytes *r)
{
	switch (bytes__u8(r) & 0x0f) {
	case DW_EH_PE_uleb128:
	case DW_EH_PE_sleb128:
		bytes__uleb(r);
		break;
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		bytes__take(r, 2);
		break;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		bytes__take(r, 4);
		break;
	default:
		bytes__take(r, 8);
	}
}

/* The augmentation string "zPLRSB": what each letter adds to the augmentation data. */
static void read_augmentation(const char *letters, struct bytes *r, struct cfi_cie *cie)
{
	struct bytes data;
	uint64_t size;

	cie->has_augmentation_data = true;
	size = bytes__uleb(r);
	data = (struct bytes){.at = r->at, .end = r->at + (size <= bytes__left(r) ? size : 0)};
	bytes__take(r, size);
	for (letters++; *letters; letters++) {
		if (*letters == 'R')
			cie->pointer_encoding = bytes__u8(&data);
		else if (*letters == 'P')
			skip_personality(&data);
		else if (*letters == 'L')
			bytes__u8(&data);
		else if (*letters == 'S')
			cie->is_signal_frame = true;
		else if (*letters != 'B' && *letters != 'G') /* arm64: key B, memory tags */
			break; /* unknown: the size given makes the rest skippable */
	}
	if (data.bad)
		r->bad = true;
}

static bool read_cie(const struct cfi_section *section, size_t offset, struct cfi_cie *cie)
{
	const char *augmentation;
	struct cfi_entry entry;
	struct bytes *r;
	uint8_t version;
	size_t next;

	if (!read_entry(section, offset, &entry, &next) || entry.body.bad ||
		!is_cie(section, &entry))
		return false;
	r = &entry.body;
	*cie = (struct cfi_cie){.offset = offset};
	version = bytes__u8(r);
	if (version != 1 && version != 3 && version != 4)
		return false;
	augmentation = bytes__string(r);
	if (!augmentation)
		return false;
	if (version == 4 && (bytes__u8(r) != 8 || bytes__u8(r) != 0))
		return false; /* addresses of another size, or segments */
	cie->code_alignment = bytes__uleb(r);
	cie->data_alignment = bytes__sleb(r);
	cie->return_register = version == 1 ? bytes__u8(r) : bytes__uleb(r);
	if (augmentation[0] == 'z')
		read_augmentation(augmentation, r, cie);
	else if (augmentation[0])
		return false; /* without 'z' an unknown augmentation cannot be skipped */
	cie->instructions = r->at;
	cie->instructions_size = bytes__left(r);
	return !r->bad;
}

/* .eh_frame: the id is the distance back to the CIE; .debug_frame: its offset. */
static bool find_cie(struct cfi_iterator *it, const struct cfi_entry *entry)
{
	size_t offset = entry->id;

	if (!it->section.is_debug_frame) {
		if (entry->id > entry->id_offset)
			return false;
		offset = entry->id_offset - entry->id;
	}
	if (it->cie_valid && it->cie.offset == offset)
		return true;
	it->cie_valid = read_cie(&it->section, offset, &it->cie);
	return it->cie_valid;
}

static bool read_fde(struct cfi_iterator *it, struct cfi_entry *entry, struct cfi_fde *fde)
{
	struct bytes *r = &entry->body;
	uint64_t length;

	if (r->bad || !find_cie(it, entry))
		return false;
	*fde = (struct cfi_fde){.cie = it->cie};
	fde->start = read_pointer(&it->section, r, it->cie.pointer_encoding);
	length = read_pointer(&it->section, r, it->cie.pointer_encoding & 0x0f);
	fde->end = fde->start + length;
	if (it->cie.has_augmentation_data)
		bytes__take(r, bytes__uleb(r));
	fde->instructions = r->at;
	fde->instructions_size = bytes__left(r);
	return !r->bad && fde->end >= fde->start;
}

bool cfi__next_fde(struct cfi_iterator *it, struct cfi_fde *fde)
{
	struct cfi_entry entry;

	while (it->next < it->section.bytes->size) {
		if (!read_entry(&it->section, it->next, &entry, &it->next)) {
			it->malformed +=
				bytes__left(&(struct bytes){
					.at = it->section.bytes->data + it->next,
					.end = it->section.bytes->data + it->section.bytes->size}) >
				4;
			return false;
		}
		if (entry.is_end)
			return false;
		if (!entry.body.bad && is_cie(&it->section, &entry))
			continue;
		if (read_fde(it, &entry, fde))
			return true;
		it->malformed++;
	}
	return false;
}
