"""One phone: its shells, files and partitions; the running kernel as a host; what is loaded."""
