/*
 * One boot image that starts "another kernel" through a reset, with the code of a kernel series and nothing
 * else: QEMU's vexpress-a9 loads it again at every reset and keeps the rest of the RAM, like a phone.
 *
 * boot 1: no record: the boot arguments are untouched; two segments are filled, the record is written, reset
 * boot 2: the record is found, cleared and obeyed: the second kernel runs, looks around, resets
 * boot 3: no record any more: the verdict of the second kernel is printed
 *
 * RELOCATION and DECOMPRESSOR are the blocks of relocate_kernel.S and head.S as a patched tree has them.
 */
#include <linux/kexec_hardboot.h>

#define BOOT_R0		0x11111111
#define MACHINE		0x8e0
#define VERDICT		0x61000000	/* survives the resets; not loaded by QEMU */
#define PATTERN		0x01020304

	.syntax unified
	.arch	armv7-a
	.text
	.globl	_start
_start:	ldr	r0, =BOOT_R0
	ldr	r1, =MACHINE
	ldr	r2, =BOOT_R2
	b	1f
#include DECOMPRESSOR
1:	/* no record: as the boot loader set them? */
	ldr	r3, =BOOT_R0
	cmp	r0, r3
	ldreq	r3, =MACHINE
	cmpeq	r1, r3
	ldreq	r3, =BOOT_R2
	cmpeq	r2, r3
	ldr	r1, =said_registers
	bne	say
	ldr	r4, =VERDICT
	ldr	r5, [r4]
	cmp	r5, #0
	bne	verdict

	/* boot 1: the tree and the kernel of the second kernel, where the plan has them */
	ldr	r1, =said_nothing
	str	r1, [r4]
	ldr	r0, =TREE
	ldr	r1, =TREE + TREE_SIZE
	ldr	r2, =PATTERN
fill:	str	r2, [r0], #4
	add	r2, r2, #7
	cmp	r0, r1
	blo	fill
	ldr	r0, =KERNEL
	ldr	r1, =kernel
	ldr	r2, =kernel_end
copy:	ldr	r3, [r1], #4
	str	r3, [r0], #4
	cmp	r1, r2
	blo	copy
	/* what C code sets in the copy of the relocation code */
#ifdef KEXEC_HB_RECORD
	ldr	r7, =kexec_data
	ldr	r0, =KEXEC_HARDBOOT_MAGIC
	str	r0, [r7, #(KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_MAGIC)]
	ldr	r0, =KERNEL
	str	r0, [r7, #(KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_ENTRY)]
	ldr	r0, =MACHINE
	str	r0, [r7, #(KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_MACHINE)]
	ldr	r0, =TREE
	str	r0, [r7, #(KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_DTB)]
	ldr	r0, =RECORD_TREE_SIZE
	str	r0, [r7, #(KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_DTB_SIZE)]
	ldr	r0, =RECORD_KERNEL_SIZE
	str	r0, [r7, #(KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_KERNEL_SIZE)]
	ldr	r4, =CONFIG_KEXEC_HARDBOOT_PAGE
	b	3f
	.ltorg
kexec_data:
	.space	KEXEC_HB_RECORD + KEXEC_HARDBOOT_REC_SIZE
#else
	ldr	r0, =MACHINE
	str	r0, kexec_mach_type
	ldr	r0, =TREE
	str	r0, kexec_boot_atags
	ldr	r0, =CONFIG_KEXEC_HARDBOOT_PAGE
	str	r0, kexec_hardboot_page
	ldr	r0, =RECORD_TREE_SIZE
	str	r0, kexec_hardboot_r2_size
	ldr	r0, =RECORD_KERNEL_SIZE
	str	r0, kexec_hardboot_kernel_size
	ldr	r1, =KERNEL
	ldr	r4, kexec_hardboot_page
	b	3f
	.ltorg
kexec_mach_type:
	.long	0
kexec_boot_atags:
	.long	0
#endif
#include RELOCATION

verdict:
	ldr	r1, [r4]
say:	mov	r0, #4			@ semihosting: SYS_WRITE0
	svc	0x123456
	mov	r0, #0x18		@ SYS_EXIT
	ldr	r1, =0x20026
	svc	0x123456

said_registers:	.asciz	"a normal boot has other registers\n"
said_nothing:	.asciz	"the second kernel did not run\n"
said_ok:	.asciz	"ok\n"
said_r:		.asciz	"wrong r0, r1 or r2\n"
said_place:	.asciz	"runs at the wrong address\n"
said_magic:	.asciz	"the record is still valid\n"
said_tree:	.asciz	"the tree is damaged\n"
	.align	2
	.ltorg

	/* boot 2: position independent, wherever it was moved */
kernel:	adr	r4, kernel
	ldr	r5, =said_r
	cmp	r0, #0
	ldreq	r3, =MACHINE
	cmpeq	r1, r3
	ldreq	r3, =EXPECT_R2
	cmpeq	r2, r3
	bne	done
	ldr	r5, =said_place
	ldr	r3, =EXPECT_PC
	cmp	r4, r3
	bne	done
	ldr	r5, =said_magic
	ldr	r3, =CONFIG_KEXEC_HARDBOOT_PAGE
	ldr	r3, [r3]
	cmp	r3, #0
	bne	done
	ldr	r5, =said_tree
	ldr	r3, =PATTERN
	add	r1, r2, #TREE_SIZE
check:	ldr	r0, [r2], #4
	cmp	r0, r3
	bne	done
	add	r3, r3, #7
	cmp	r2, r1
	blo	check
	ldr	r5, =said_ok
done:	ldr	r4, =VERDICT
	str	r5, [r4]
	ldr	r0, =CONFIG_KEXEC_HARDBOOT_RESET_ADDR
	ldr	r1, =SYSTEM_RESET
	str	r1, [r0]
	b	.
	.ltorg
kernel_end:
