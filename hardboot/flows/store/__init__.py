"""ROMs in files on the phone's userdata: add, list, check, remove, start."""
