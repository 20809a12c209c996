/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* What signals.c needs on arm64; asm_frames.S has the x86-64 cases. */
	.text

	.globl	fault_at_once
	.type	fault_at_once, %function
fault_at_once:
	.cfi_startproc
	udf	#0
	ret
	.cfi_endproc
	.size	fault_at_once, .-fault_at_once

	.section .note.GNU-stack, "", %progbits
