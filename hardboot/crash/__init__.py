"""The kernel that starts on a panic, the memory dump it makes, and what old kernels said last."""
