"""The floors of the package and of its rooms, from the bottom up. Rooms on one floor import none of it."""

FLOORS = (
    "base",
    "formats",
    "downloads payload patches profile",
    "devicetree",
    "layout",
    "memorymap transport virtual",
    "device images store",
    "flows suggest",
    "crash doctor",
    "attempts probe",
    "commands",
    "__main__",
)
FORMATS = (
    "reading",
    "binary_record sniff text_field toml",
    "archives avb elf ota trees",
    "boot crashdump kernels",
    "containers",
)
BASE = (
    "documents errors printable similar sizes terminal",
    "memory cmdline log interrupts",
    "process",
    "temporary",
    "files",
    "mapping",
)
