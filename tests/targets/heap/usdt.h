/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/*
 * Statically defined probes of the programs' own, as <sys/sdt.h> would make them: a nop, and a note
 * that says where it is and where its arguments are. The machine's compiler chooses the operands.
 */
#ifndef TARGETS_USDT_H
#define TARGETS_USDT_H

#ifdef __x86_64__
#define USDT_OPERAND "nor"
#else
#define USDT_OPERAND "nZr"
#endif

/* The note of the nop that @nop is; the other arguments are texts. */
#define USDT_NOTE(provider, name, semaphore, arguments)                              \
	"990:	nop\n"                                                                 \
	"	.pushsection .note.stapsdt, \"\", \"note\"\n"                              \
	"	.balign 4\n"                                                               \
	"	.4byte 992f-991f, 994f-993f, 3\n"                                          \
	"991:	.asciz \"stapsdt\"\n"                                                  \
	"992:	.balign 4\n"                                                           \
	"993:	.8byte 990b\n"                                                         \
	"	.8byte _.stapsdt.base\n"                                                   \
	"	.8byte " semaphore "\n"                                              \
	"	.asciz \"" provider "\"\n"                                           \
	"	.asciz \"" name "\"\n"                                               \
	"	.asciz \"" arguments "\"\n"                                          \
	"994:	.balign 4\n"                                                           \
	"	.popsection\n"                                                             \
	"	.ifndef _.stapsdt.base\n"                                                  \
	"	.pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n" \
	"	.weak _.stapsdt.base\n"                                                    \
	"	.hidden _.stapsdt.base\n"                                                  \
	"_.stapsdt.base: .space 1\n"                                                 \
	"	.size _.stapsdt.base, 1\n"                                                 \
	"	.popsection\n"                                                             \
	"	.endif\n"

#define USDT1(provider, name, semaphore, a) \
	__asm__ volatile(USDT_NOTE(provider, name, semaphore, "8@%0")::USDT_OPERAND(a) : "memory")

#define USDT3(provider, name, semaphore, a, b, c)                                                 \
	__asm__ volatile(USDT_NOTE(provider, name, semaphore, "8@%0 8@%1 8@%2")::USDT_OPERAND(a), \
			 USDT_OPERAND(b), USDT_OPERAND(c)                                         \
			 : "memory")

#endif
