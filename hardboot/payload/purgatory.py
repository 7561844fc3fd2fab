"""What runs between two arm64 kernels when kexec starts one without a reset.

kexec_load(2) leaves x0 at 0 there (Linux arch/arm64/kernel/machine_kexec.c: only kexec_file_load(2) sets
arch.dtb_mem), and a kernel wants its device tree in it (Documentation/arm64/booting.rst).
"""

import struct

# The listing that these words are assembled from is in tests/payload/test_purgatory.py.
_CODE = (
    0x580000C0,  # ldr x0, dtb
    0x580000F1,  # ldr x17, kernel
    0xAA1F03E1,  # mov x1, xzr
    0xAA1F03E2,  # mov x2, xzr
    0xAA1F03E3,  # mov x3, xzr
    0xD61F0220,  # br x17
)


def build(*, kernel: int, dtb: int) -> bytes:
    """Return the program that jumps to a kernel; it runs at any address, with its MMU off.

    Args:
        kernel: Physical address of the Image.
        dtb: Physical address of its device tree.
    """
    return struct.pack(f"<{len(_CODE)}I2Q", *_CODE, dtb, kernel)
