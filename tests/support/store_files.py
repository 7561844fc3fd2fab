"""Files of a stored ROM, pushed and pulled on the scripted phone."""

from pathlib import Path

from scripted_phone.image_files import Files, Images, images_of
from store_setup import StorePhone

from hardboot.flows.store import pull, push
from hardboot.flows.store.mounted import mounted

DISK = "hardboot.linux.root"


def images(phone: StorePhone) -> Images:
    """Return the images of the scripted phone."""
    return images_of(phone.scripted.files)


def files(phone: StorePhone) -> Files:
    """Return the files in the image of its Linux ROM."""
    return images(phone).of(DISK)


def pushed(phone: StorePhone, sources: list[Path], target: str) -> push.Pushed:
    """Push files into that image."""
    with mounted(phone.phone, "linux", None, "rw") as one:
        return push.push(one, sources, target)


def pulled(phone: StorePhone, paths: list[str], target: Path) -> pull.Pulled:
    """Pull files out of it."""
    with mounted(phone.phone, "linux", None, "replay") as one:
        return pull.pull(one, paths, target)


def tree(folder: Path) -> Path:
    """Make a folder with a file, an empty one, a folder in it, and a link."""
    (folder / "new/sub").mkdir(parents=True)
    (folder / "new/file").write_bytes(b"content")
    (folder / "new/sub/a b\n").touch()
    (folder / "new/link").symlink_to("file")
    return folder / "new"
