/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
#include "probe/insn.h"

#include <capstone/capstone.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/insn_arch.h"

struct decoder {
	csh handle;
	cs_insn *insn; /* one, reused by every call */
	bool wide_nops;
	const struct insn_arch *arch;
};

static const struct insn_arch *find_arch(int machine)
{
	switch (machine) {
	case EM_X86_64:
		return &insn_arch_x86_64;
	case EM_AARCH64:
		return &insn_arch_arm64;
	default:
		return NULL;
	}
}

struct decoder *decoder__new(int machine, bool wide_nops, struct error *error)
{
	const struct insn_arch *arch = find_arch(machine);
	struct decoder *decoder;

	if (!arch) {
		error__set(error, -ENOTSUP,
			"code of ELF machine %d: only x86-64 and arm64 can be read", machine);
		return NULL;
	}
	decoder = calloc(1, sizeof(*decoder));
	if (!decoder || cs_open(arch->arch, arch->mode, &decoder->handle) != CS_ERR_OK)
		goto fail;
	cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	decoder->insn = cs_malloc(decoder->handle);
	if (!decoder->insn)
		goto fail;
	decoder->arch = arch;
	decoder->wide_nops = wide_nops;
	return decoder;
fail:
	decoder__free(decoder);
	error__set(error, -ENOMEM, "no memory for the instruction decoder");
	return NULL;
}

void decoder__free(struct decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	if (decoder->handle)
		cs_close(&decoder->handle);
	free(decoder);
}

/* Fills arguments_written and changes_frame; false if the decoder does not know them. */
static bool read_written_registers(struct decoder *decoder, struct instruction *out)
{
	cs_regs read, written;
	uint8_t read_count, written_count;

	if (cs_regs_access(decoder->handle, decoder->insn, read, &read_count, written,
		    &written_count) != CS_ERR_OK)
		return false;
	for (int i = 0; i < written_count; i++) {
		int role = decoder->arch->role_of(written[i]);

		if (role == ROLE_FRAME)
			out->changes_frame = true;
		else if (role >= 0)
			out->arguments_written |= 1u << role;
	}
	return true;
}

bool decoder__read(struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address,
	struct instruction *out)
{
	uint64_t next = address;

	*out = (struct instruction){.copied_to = -1, .copied_from = -1};
	if (!cs_disasm_iter(decoder->handle, &code, &size, &next, decoder->insn))
		return false;
	out->address = address;
	out->length = decoder->insn->size;
	snprintf(out->mnemonic, sizeof(out->mnemonic), "%.*s", (int)sizeof(out->mnemonic) - 1,
		decoder->insn->mnemonic);
	decoder->arch->describe(decoder->insn, out);
	if (out->is_wide_nop)
		out->emulated = decoder->wide_nops;
	out->is_plain = out->flow == FLOW_NEXT && decoder->arch->is_plain(decoder->insn) &&
			read_written_registers(decoder, out);
	return true;
}

uint64_t decoder__read_stub(
	struct decoder *decoder, const uint8_t *code, size_t size, uint64_t address)
{
	return decoder->arch->read_stub(decoder, code, size, address);
}
