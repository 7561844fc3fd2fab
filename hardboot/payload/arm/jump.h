/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit ARM: where ram_check begins. It enters in ARM state, and so does the kernel: r0 to r2 are its arguments. */
#ifndef HARDBOOT_JUMP_H
#define HARDBOOT_JUMP_H

__asm__(".text\n"
	".arm\n"
	".global _start\n"
	"_start:\n"
	"	mov r4, r0\n"
	"	mov r5, r1\n"
	"	mov r6, r2\n"
	"	adr r7, _start\n"
	"	add sp, r7, #0x2000\n"
	"	add r7, r7, #0x800\n"
	"	mov r0, r7\n"
	"	bl ram_check\n"
	"	mov r0, r4\n"
	"	mov r1, r5\n"
	"	mov r2, r6\n"
	"	dsb\n"
	"	ldr r3, [r7]\n"
	"	bx r3\n");

#endif
