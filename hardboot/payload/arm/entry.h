/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit ARM EABI: where a program begins. It calls start_program with the address of argc. */
#ifndef HARDBOOT_ENTRY_H
#define HARDBOOT_ENTRY_H

/* The kernel enters with argc, argv[], 0, envp[] on the stack (fs/binfmt_elf.c, create_elf_tables). */
__asm__(".text\n"
	".global _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov r0, sp\n"
	"	mov r1, sp\n"
	"	bic r1, r1, #7\n"
	"	mov sp, r1\n"
	"	bl start_program\n");

#endif
