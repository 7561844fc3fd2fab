"""Panic kernels, memory dumps of crashed kernels, and the logs of earlier kernels."""
