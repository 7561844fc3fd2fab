"""Virtual phones: QEMU machines with U-Boot, a Linux kernel from Debian's source, and an adbd of their own.

The adbd is written for them (phone/adbd*.c). It speaks AOSP's ADB protocol, and is no build of AOSP's adbd.
"""
