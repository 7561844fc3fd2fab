"""Commands and files for a phone, over ADB: by TCP, by USB, or through a running ADB server."""
