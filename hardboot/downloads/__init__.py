"""What people download, read as images of partitions: folders, OTAs, factory archives, Samsung's firmware.

    with open_download(path) as download:
        download.images["system"].write_to(stream)

No path in an archive is used, no file is read whole into memory, and the hashes in a download are checked.
"""

from hardboot.downloads.download import Download, is_collection, open_download
from hardboot.downloads.image_source import ImageSource
from hardboot.downloads.tree_source import TreeEntry, TreeSource

__all__ = [
    "Download",
    "ImageSource",
    "TreeEntry",
    "TreeSource",
    "is_collection",
    "open_download",
]
