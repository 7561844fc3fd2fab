"""Images whose bytes other implementations pinned: small known parts, and the hashes of what they make."""

import struct
from dataclasses import replace
from typing import Any

from image_builders import dtb

from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.vendorboot import Ramdisk, VendorBoot

V0 = BootImage(
    kernel=b"kernel data",
    ramdisk=b"ramdisk data",
    second=b"second data",
    kernel_addr=0x01234567,
    ramdisk_addr=0x89ABCDEF,
    second_addr=0x02468ACE,
    tags_addr=0x13579BDF,
    page_size=4096,
    os_version=0x76543210,
    name="Name" * 4,
    cmdline=("Cmdline" * 74)[:512] + ("ExtraCmdline" * 86)[:1024],
    id=struct.pack(
        "<8I",
        *(0x00112233, 0x44556677, 0x8899AABB, 0xCCDDEEFF),
        *(0xFFEEDDCC, 0xBBAA9988, 0x77665544, 0x33221100),
    ),
)
V1 = replace(
    V0, header_version=1, recovery_dtbo=b"recovery_dtbo data", recovery_dtbo_offset=0x0123456789ABCDEF
)
V2 = replace(V1, header_version=2, dtb=b"dtb data", dtb_addr=0xFEDCBA9876543210)
V3 = BootImage(
    kernel=b"kernel data",
    ramdisk=b"ramdisk data",
    header_version=3,
    page_size=4096,
    os_version=0x01234567,
    cmdline=("Cmdline" * 220)[:1536],
    header=bytes(0x18) + struct.pack("<4I", 0x00112233, 0x44556677, 0x8899AABB, 0xCCDDEEFF) + bytes(4056),
)
V4 = replace(V3, header_version=4)


def built(image: BootImage) -> bytes:
    return b"".join(bootimg.build(image))


# The public key of avbroot's test key, and its signature of V4_VTS.
_MODULUS = bytes.fromhex(
    "acee1fc0a795d91674aaeb4f55f4d36ba6f899ddb543be5d1cc878d45d776fe6211a330c0843322334b690dbbb9dc13f"
    "a47642abc75889dbba79c82a9dba19c64d4c099f36240775834e9d86013f433a1aaab0bed1f2212dc53cf2d967ded532"
    "09c1e5eb5b563d00d307c021b9d2d084e80cdd20a695225ce31e7fb407ccebdec5cda2eb44ed079df3edf31751e77ce4"
    "3ae9681bc7f6cc4e58945366bb655550e07dd215eb516815e9457feef9301b772f92291fd5758782f20734b9ac75e746"
    "9f42ffd4055ae43a8301a37e56dfda4ede5e639fec57ab7268d8787190268952a27e6b8e3ffc503759af317da4a076fd"
    "36fe6499f15de27d81dca566f500838d13a442b01ecd1ffdb655ea2ef779bab13cd8eab649402cc1a3f81444ed24717a"
    "7c3fa65ac2b8d3625450aae15b75d3dc37e962f516799cb555063eeb262bb51f9af465fc992e07f3aa66917ce086abd9"
    "a60716f04fe155efe7901e4132a4dcdcdcf7db23e4eade6b3664bee87a7fd4c6b3247beeb0553263845d6547efda705f"
    "58cab911d9a98fb7cdd807bfdbf3dbf1f81ac3e837ba75ea5512be7246bfe768aa1edf23c469db87df980bbb939fd1f2"
    "8948340882350e4c58f0450329f8088da6b908b4c4c78689eb18b3c06b683b12e518bde5cd57e7fb43792df94c38f643"
    "675e5c92b1c0a95f45256969a4bc6ea1db6682745d423cc676f97f57cf2d493d"
)
_SIGNATURE = bytes.fromhex(
    "58c16f72718891a11f8d1ad92b8053c20d701ac3cc997ee7889d45c999ee91b05795d59d6feac44c316fe15f92dd06e9"
    "ae3bc570d8f414191bdaab7aae4c37822cb2f6d34fdcccc65a853d2dc72ecec311db000e27fbdc7bc767b80c1a0b4e88"
    "e193ce4f878ce15cac2a4b361294eddc193d36e148768b4c6b0de4001cf2e12fe2b8be84d5217a4c3ea12c0e040900a1"
    "12f6e519363635a3b3108191b5858c90b62a4d459a6d66218978e002ed07478472ff34269ca575a53eb396e3e13972f1"
    "15827c741b82e5988eb6f59f953e2ee5ad9fc6ab5d86754f282011e4a511c8ce4ed9d8b077a2b5f1a3e8943c222debaa"
    "b02e02b6e461f98820a8f90a470ea222b625831e280a8d9bdf96bde33bf830bc2e39a62d52103f3b8988025da86f55a5"
    "f075ea362e45c0f92279216dfdf47ead516dfd5d9da546fd5a93e325a1706c0241f71a4d4cd5abec836fd2be0812b971"
    "6ce126498a67b0d6610adc94bb9cf9b137af57b1f413155428a4bc0318aff369cdcae69008f883b48d3ba6210c8f90cb"
    "473c8101c2381ad1ab2d2b17cdf3a8e65d118beb2283b140630e3f4800159d208c34abac3d9493e321948205e1a6df52"
    "9a36ec47dac50b06a71aa2350f87738022ad8175c514dfb6acca04b9bac4a002ff587639cab9f1d94e68f13739d7d72b"
    "30010db4cf0e62ea796d6207e3b9264b9ec980076c6be7dbd9973e6278225be0"
)


def _vts_signature() -> bytes:
    """Return a vbmeta image: header, hash and signature, then one descriptor and the key."""
    modulus = int.from_bytes(_MODULUS, "big")
    key = struct.pack(">II", 4096, -pow(modulus, -1, 1 << 32) % (1 << 32)) + _MODULUS
    key += pow(2, 2 * 4096, modulus).to_bytes(512, "big")
    digest = bytes.fromhex("abd5483e11e7940cb9bf387587a4a1659981a1b83962b7c1faf1b0cd6307d449")
    salt = bytes.fromhex("6430306466303064")
    body = struct.pack(">Q32s3I64x", 12288, b"sha256", 4, len(salt), len(digest)) + b"boot" + salt + digest
    descriptor = struct.pack(">QQ", 2, len(body)) + body
    auxiliary = (descriptor + key).ljust(1216, b"\0")
    hashed = bytes.fromhex("73b770b8199f1e709ce1cc37ee7f699faa99bf7e88c6eff429a6eda1feb6a1f9")
    offsets = (0, 32, 32, 512, len(descriptor), len(key), len(descriptor) + len(key), 0, 0, len(descriptor))
    numbers = (1, 0, 576, len(auxiliary), 2, *offsets)
    head = b"AVB0" + struct.pack(">IIQQI10Q16x48s80x", *numbers, b"avbtool 1.2.0")
    return (head + (hashed + _SIGNATURE).ljust(576, b"\0") + auxiliary).ljust(4096, b"\0")


V4_VTS = replace(V4, signature=_vts_signature())
VENDOR_V3 = VendorBoot(
    ramdisks=(Ramdisk(b"ramdisk data"),),
    dtb=b"dtb data",
    header_version=3,
    kernel_addr=0x01234567,
    ramdisk_addr=0x89ABCDEF,
    tags_addr=0xFEDCBA98,
    dtb_addr=0x76543210,
    name="Name" * 4,
    cmdline=("Cmdline" * 300)[:2048],
)
BOARD_ID = (
    *(0x00112233, 0x44556677, 0x8899AABB, 0xCCDDEEFF, 0xFFEEDDCC, 0xBBAA9988, 0x77665544, 0x33221100),
    *(0x004488CC, 0x115599DD, 0x2266AAEE, 0x3377BBFF, 0xFFBB7733, 0xEEAA6622, 0xDD995511, 0xCC884400),
)
VENDOR_V4 = replace(
    VENDOR_V3,
    header_version=4,
    page_size=2048,
    ramdisks=tuple(
        Ramdisk(f"ramdisk {index} data".encode(), index, (name * 8)[:32], BOARD_ID)
        for index, name in enumerate(("None", "Platform", "Recovery", "Dlkm"))
    ),
    bootconfig=b"bootconfig data",
)


# avbroot, avbroot/tests/bootimage.rs, round_trip_v0 to round_trip_vendor_v4: SHA-512 of the files.
GOLDEN: dict[str, tuple[BootImage | VendorBoot, str]] = {
    "V0": (
        V0,
        "23650bfa7a090adfdd9a6c03fac5e1fa2765a094efa20cc53ed9677d887bb348"
        "39ab28777b18ec60e0b70d1526b2d42725925c7b0b5cf7ed276c39b5b744bbec",
    ),
    "V1": (
        V1,
        "378ef1f0b8440f9e16c01598a2b5066359f491b62803e6dcd20dd749336391d4"
        "a824ffb05f992a9ab366814169b0bce25b333f396aa8bde1153e515a2a9d2390",
    ),
    "V2": (
        V2,
        "04245bb70782a90868b9c9651f53d76ccff348589ad4b1f3d86f9510702f5330"
        "6060e468d984e80af312b3a31b06882f5d345aea8fbb54493cc19cc6248003de",
    ),
    "V3": (
        V3,
        "30ea770ad3246a3ff8dfe6d95aa1d3a43b8a13395e58243e713178a12cad1dca"
        "2412f5fb2c48a53dc03855b6fdd330e0691128d729da2e5a495c391db9db53e1",
    ),
    "V4": (
        V4,
        "a81d2b7822450be7c23ad8da95497718d07b9b7fc7f648b42d856de35aa324b6"
        "9456b90784db5001ca6c862632790cc570cfcc7fc35b9656235cd050b098db4a",
    ),
    "V4_VTS": (
        V4_VTS,
        "1947153c1f6284eebc169e5af2452af740c2187f23b2a42010dfb15cf27f6f79"
        "221d292778eab39e1ffeebc89fe6efcea2280b051d52ffabd46f8711d9b65f2e",
    ),
    "VENDOR_V3": (
        VENDOR_V3,
        "1718b9674c8271986a8ab8853c779e27ebce2a2304637c94d4ad1f3cee7e418b"
        "a8d935ecf2c1523ad95bbe63e800d2234e3776315afc6343323430f63e2e3e66",
    ),
    "VENDOR_V4": (
        VENDOR_V4,
        "0e3f869ead98bb53c7c43fb8c606dcb2e54766e3af2ca4918d4bc5701e511923"
        "7cab402495efc865db5f0a4193ff6c22b49ae220c195a03cc213dbc824337775",
    ),
}

# U-Boot, test/py/tests/test_android/test_abootimg.py: made by AOSP's mkbootimg. SHA-256 of the files.
_TREES = dtb('/ { model = "x1"; compatible = "y1,z1"; };') + dtb('/ { model = "x2"; compatible = "y2,z2"; };')
_ADDRESSES: dict[str, Any] = {"kernel_addr": 0x10008000, "ramdisk_addr": 0x11000000, "tags_addr": 0x10000100}
_PARTS: dict[str, Any] = {"kernel": b"kernel payload\n", "ramdisk": b"ramdisk payload\n"}
UBOOT: dict[str, tuple[BootImage | VendorBoot, str]] = {
    "v2": (
        BootImage(
            **_PARTS,
            **_ADDRESSES,
            dtb=_TREES,
            header_version=2,
            second_addr=0x10F00000,
            dtb_addr=0x11F00000,
            os_version=19 << 4 | 6,
            cmdline="cmdline test",
            id=bytes.fromhex("30e4b0e75f04884d76da1e9e6cbe3db58ba7f0f7").ljust(32, b"\0"),
        ),
        "1cff4d81455e6acf6dd14591f5eba9a06d0597de2d2ea426542945dabcbf5ac4",
    ),
    "v4": (
        BootImage(**_PARTS, header_version=4, page_size=4096),
        "088ff2009521c61a5ae3907f5e2b6973ea49af1c0e6d4b32ff587f50160b4135",
    ),
    "vendor v4": (
        VendorBoot(
            ramdisks=(Ramdisk(b"ramdisk payload\n", 1),),
            **_ADDRESSES,
            dtb=_TREES,
            dtb_addr=0x11F00000,
            bootconfig=b"androidboot.hardware=test\n",
        ),
        "b350e03f8f3fa69dc06550e3de090e8a680eba0c61493810f28713d82c468dd5",
    ),
}
