"""Boot images: Android's, Samsung's PXA variant, vendor_boot, Sony's ELF; what makers put around them."""
