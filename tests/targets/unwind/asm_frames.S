/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPDX-FileCopyrightText: 2026 the memtrace authors */
/* Functions whose frames are described by hand. Each calls its argument, a function. */
	.text

/* CFA in rbx, as in the loader's lazy binding. */
	.globl	cfa_in_rbx
	.type	cfa_in_rbx, @function
cfa_in_rbx:
	.cfi_startproc
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset %rbx, -16
	movq	%rsp, %rbx
	.cfi_def_cfa_register %rbx
	subq	$4096, %rsp
	andq	$-256, %rsp
	call	*%rdi
	movq	%rbx, %rsp
	.cfi_def_cfa_register %rsp
	popq	%rbx
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	cfa_in_rbx, .-cfa_in_rbx

/* The old stack pointer is on the stack: CFA = *(rsp + 8) + 8, as in OpenSSL's code. */
	.globl	cfa_on_stack
	.type	cfa_on_stack, @function
cfa_on_stack:
	.cfi_startproc
	movq	%rsp, %rax
	.cfi_def_cfa_register %rax
	subq	$128, %rsp
	andq	$-64, %rsp
	movq	%rax, 8(%rsp)
	.cfi_escape 0x0f, 5, 0x77, 8, 0x06, 0x23, 8
	call	*%rdi
	movq	8(%rsp), %rax
	.cfi_def_cfa %rax, 8
	movq	%rax, %rsp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	cfa_on_stack, .-cfa_on_stack

/* rbp used as a number, saved far from the CFA. */
	.globl	rbp_saved_far
	.type	rbp_saved_far, @function
rbp_saved_far:
	.cfi_startproc
	subq	$1032, %rsp
	.cfi_def_cfa_offset 1040
	movq	%rbp, 16(%rsp)
	.cfi_offset %rbp, -1024
	movq	$12345, %rbp
	call	*%rdi
	movq	16(%rsp), %rbp
	.cfi_restore %rbp
	addq	$1032, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	rbp_saved_far, .-rbp_saved_far

/* CFA = rsp + 80, said with a constant and a sum. */
	.globl	cfa_by_sum
	.type	cfa_by_sum, @function
cfa_by_sum:
	.cfi_startproc
	subq	$72, %rsp
	.cfi_escape 0x0f, 5, 0x77, 0, 0x08, 80, 0x22
	call	*%rdi
	addq	$72, %rsp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	cfa_by_sum, .-cfa_by_sum

/* CFA = **(rsp + 8) + 8: on the stack is where on the stack the old stack pointer is. */
	.globl	cfa_twice_away
	.type	cfa_twice_away, @function
cfa_twice_away:
	.cfi_startproc
	movq	%rsp, %rax
	subq	$72, %rsp
	.cfi_def_cfa_offset 80
	movq	%rax, 16(%rsp)
	leaq	16(%rsp), %rax
	movq	%rax, 8(%rsp)
	.cfi_escape 0x0f, 6, 0x77, 8, 0x06, 0x06, 0x38, 0x22
	call	*%rdi
	addq	$72, %rsp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	cfa_twice_away, .-cfa_twice_away

/* rbp is at *(rsp + 8), and not where it is from the CFA. */
	.globl	rbp_by_expression
	.type	rbp_by_expression, @function
rbp_by_expression:
	.cfi_startproc
	subq	$24, %rsp
	.cfi_def_cfa_offset 32
	movq	%rbp, 8(%rsp)
	.cfi_escape 0x10, 6, 2, 0x77, 8
	movq	$12345, %rbp
	call	*%rdi
	movq	8(%rsp), %rbp
	.cfi_restore %rbp
	addq	$24, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	rbp_by_expression, .-rbp_by_expression

/* The CFA is not behind the return address, but the caller's stack pointer 16 bytes further. */
	.globl	return_below_cfa
	.type	return_below_cfa, @function
return_below_cfa:
	.cfi_startproc
	subq	$24, %rsp
	.cfi_def_cfa_offset 32
	pushq	%rbp
	.cfi_def_cfa_offset 40
	.cfi_offset %rbp, -40
	movq	$12345, %rbp
	subq	$8, %rsp
	.cfi_def_cfa_offset 64
	.cfi_offset %rbp, -56
	.cfi_offset %rip, -24
	call	*%rdi
	addq	$8, %rsp
	.cfi_def_cfa_offset 40
	.cfi_offset %rbp, -40
	.cfi_offset %rip, -8
	popq	%rbp
	.cfi_restore %rbp
	.cfi_def_cfa_offset 32
	addq	$24, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	return_below_cfa, .-return_below_cfa

	.globl	fault_at_once
	.type	fault_at_once, @function
fault_at_once:
	.cfi_startproc
	ud2
	ret
	.cfi_endproc
	.size	fault_at_once, .-fault_at_once

	.section .note.GNU-stack, "", @progbits
