"""Kernels, whatever they are wrapped in, and the ATAGS that old ones are given."""
