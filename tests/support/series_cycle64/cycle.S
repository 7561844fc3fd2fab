/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of a patched arm64 tree through real resets. Each reset starts this program again; RAM outside it
 * is kept, and COUNT says how often it started.
 *
 * HEAD is the check at the kernel's entry, RESET is kexec_hardboot_reset.S.
 */
#include <linux/kexec_hardboot.h>

#include <asm/assembler.h>

#define PATTERN 0x5a5a1234

	.macro	verdict, text
	adr	x1, 9f
	b	say
9:	.asciz	"\text\n"
	.balign	4
	.endm

	.text
	.global	_start
_start:
	mrs	x4, mpidr_el1
	tst	x4, #0xff
	b.ne	hang			/* other CPUs */
	mov_q	x0, BOOT_DTB
	mov	x1, #1
	mov	x2, #1
	mov	x3, #1
#include HEAD
	mov_q	x9, BOOT_DTB
	cmp	x0, x9
	b.ne	boot_arguments
	and	x9, x1, x2
	and	x9, x9, x3
	cbz	x9, boot_arguments

	mov_q	x19, COUNT
	ldr	x20, [x19]
	add	x21, x20, #1
	str	x21, [x19]
	cbz	x20, first
	cmp	x20, #1
	b.eq	without_record
	cmp	x20, #3
	b.eq	after_the_image
	verdict	"no record was found"
boot_arguments:
	verdict	"the boot arguments changed"

first:	/* fill the page, then restart without a record */
	bl	page_ends
1:	stp	x3, x3, [x1], #16
	cmp	x1, x2
	b.lo	1b
	dsb	sy
	b	plain_reset

without_record:
	bl	page_ends
1:	ldr	x4, [x1], #8
	cmp	x4, x3
	b.ne	written
	cmp	x1, x2
	b.lo	1b
	b	hardboot
written:
	verdict	"the page was written without a record"

hardboot: /* what kexec_hardboot_start() does, then what the relocation code does */
	adr	x1, kexec_hardboot_reset
	adr	x2, kexec_hardboot_end
	mov_q	x3, CONTROL + 2048
1:	ldr	w4, [x1], #4
	str	w4, [x3], #4
	cmp	x1, x2
	b.lo	1b
	mov_q	x5, PSCI_FUNCTION
	mov_q	x6, PSCI_SMC
	stp	x5, x6, [x3, #-16]
	adr	x5, image
	mov_q	x6, IMAGE_DTB
	stp	x5, x6, [x3, #-32]
	dsb	sy
	ic	iallu
	dsb	nsh
	isb
	mov	x0, xzr			/* as in 4.x: no device tree */
	mov_q	x17, CONTROL + 2048
	br	x17

image:
	mov_q	x9, IMAGE_DTB
	cmp	x0, x9
	b.ne	arguments
	orr	x9, x1, x2
	orr	x9, x9, x3
	cbnz	x9, arguments
	mov_q	x19, COUNT
	ldr	x20, [x19]
	cmp	x20, #2
	b.ne	no_reset
	bl	page_ends
	ldr	x4, [x1]
	cbnz	x4, not_cleared
	add	x1, x1, #24
1:	ldr	x4, [x1], #8		/* the record has 24 bytes */
	cmp	x4, x3
	b.ne	too_much
	cmp	x1, x2
	b.lo	1b
	mov	x20, #3
	str	x20, [x19]
	dsb	sy
	b	plain_reset
arguments:
	verdict	"the image has wrong arguments"
no_reset:
	verdict	"the image was entered without a reset"
not_cleared:
	verdict	"the record was not cleared"
too_much:
	verdict	"more than the record was written"

after_the_image:
	verdict	"ok"

page_ends:
	mov_q	x1, CONFIG_KEXEC_HARDBOOT_PAGE
	add	x2, x1, #4096
	mov_q	x3, PATTERN
	ret

plain_reset:
#ifdef CONFIG_KEXEC_HARDBOOT_RESET_MMIO
	mov_q	x1, CONFIG_KEXEC_HARDBOOT_RESET_ADDR
	mov_q	x2, PLAIN_RESET
	str	w2, [x1]
#else
	mov_q	x0, 0x84000009
	mov_q	x6, PSCI_SMC
	cbnz	x6, 1f
	hvc	#0
1:	smc	#0
#endif
hang:	wfi
	b	hang

say:	mov	x0, #4			/* SYS_WRITE0 */
	hlt	#0xf000
	adr	x1, 1f
	mov	x0, #0x18		/* SYS_EXIT */
	hlt	#0xf000
	.balign	8
1:	.quad	0x20026, 0

	.balign	8
#include RESET
