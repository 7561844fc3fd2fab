"""Programs that run on the phone: their sources, their built binaries, and the Python that fills them in."""
