"""Compressed streams, cpio archives, ramdisks, sparse images."""
