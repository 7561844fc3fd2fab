"""The memory of a crashed kernel: an ELF core, and what can be read out of it."""
