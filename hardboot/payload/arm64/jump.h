/* SPDX-License-Identifier: Apache-2.0 */
/* arm64: where ram_check begins. x0 is the kernel's argument, its device tree; x1 to x3 are 0. */
#ifndef HARDBOOT_JUMP_H
#define HARDBOOT_JUMP_H

__asm__(".text\n"
	".global _start\n"
	"_start:\n"
	"	mov x19, x0\n"
	"	adr x20, _start\n"
	"	add x1, x20, #2, lsl #12\n"
	"	mov sp, x1\n"
	"	add x20, x20, #0x800\n"
	"	mov x0, x20\n"
	"	bl ram_check\n"
	"	dsb sy\n"
	"	ldr x17, [x20]\n"
	"	mov x0, x19\n"
	"	mov x1, xzr\n"
	"	mov x2, xzr\n"
	"	mov x3, xzr\n"
	"	br x17\n");

#endif
