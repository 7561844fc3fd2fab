"""Android Verified Boot: footers, vbmeta images, AVB 1.0 signatures; read and verified."""
