"""Android Verified Boot: read and verify footers, vbmeta images and AVB 1.0 signatures."""
