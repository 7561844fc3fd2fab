"""Image files: describe, unpack and pack them; list and change the files of a ramdisk."""
