/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* A 32-bit program that sleeps for a minute: what memtrace must refuse. Needs no 32-bit library. */
	.code32
	.globl _start
_start:
	movl $162, %eax		/* nanosleep */
	movl $duration, %ebx
	xorl %ecx, %ecx
	int $0x80
	movl $1, %eax		/* exit */
	xorl %ebx, %ebx
	int $0x80
	.data
duration:
	.long 60, 0
	.section .note.GNU-stack,"",@progbits
