"""What every room uses: errors, sizes, memory ranges, kernel command lines, the log, files, processes."""
