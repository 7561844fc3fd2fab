"""Images in files: described, unpacked, packed; the files of a ramdisk."""
