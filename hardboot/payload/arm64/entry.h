/* SPDX-License-Identifier: Apache-2.0 */
/* arm64: where a program begins. It calls start_program with the address of argc. */
#ifndef HARDBOOT_ENTRY_H
#define HARDBOOT_ENTRY_H

/* The kernel enters with argc, argv[], 0, envp[] on a stack aligned to 16 bytes (fs/binfmt_elf.c, create_elf_tables). */
__asm__(".text\n"
	".global _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x0, sp\n"
	"	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	bl start_program\n");

#endif
