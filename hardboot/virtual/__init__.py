"""The virtual phone: a QEMU machine with a real bootloader, a real kernel and a real adbd."""
