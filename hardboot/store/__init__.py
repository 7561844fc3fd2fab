"""ROMs in files on userdata: their manifests, and the blocks of their images. Knows no phone."""
