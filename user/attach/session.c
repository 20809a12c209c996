#include "attach/session.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

static int find_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id;

	if (!btf)
		return -errno;
	id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	btf__free(btf);
	return id;
}

/* Makes calls of the placeholder calls of the kernel's function; returns how many there were. */
static size_t patch_calls(struct bpf_insn *code, size_t count, int function)
{
	size_t patched = 0;

	for (size_t i = 0; i < count; i++) {
		if (code[i].code != (BPF_JMP | BPF_CALL) || code[i].src_reg ||
			code[i].imm != PROBE_SESSION_CALL)
			continue;
		code[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
		code[i].imm = function;
		patched++;
	}
	return patched;
}

int session__bind(struct bpf_program *program, struct error *err)
{
	size_t count = bpf_program__insn_cnt(program);
	struct bpf_insn *code = malloc(count * sizeof(*code));
	int function = find_function("bpf_session_is_return"), rc = 0;

	if (!code)
		return error__set(err, -ENOMEM, "out of memory");
	memcpy(code, bpf_program__insns(program), count * sizeof(*code));
	if (function < 0 || !patch_calls(code, count, function))
		rc = -ENOENT;
	if (!rc)
		rc = bpf_program__set_insns(program, code, count);
	free(code);
	return rc ? error__set(err, rc, "cannot call the kernel's bpf_session_is_return: %s",
			    strerror(-rc))
		  : 0;
}
