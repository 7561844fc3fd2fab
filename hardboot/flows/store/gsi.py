"""Generic system images (GSI): they need the phone's own kernel and vendor, and are the business of DSU.

Android's Dynamic System Updates install them beside the phone's own system. Sources: AOSP frameworks/base,
packages/DynamicSystemInstallationService (the activity and its keys); system/gsid,
tests/DSUEndtoEndTest.java; source.android.com, Dynamic System Updates. It takes raw images, compressed by
gzip, or zip archives.
"""

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.downloads import Download, ImageSource
from hardboot.flows.image_set import BOOT
from hardboot.flows.store.add import NewRom
from hardboot.images import filesystem
from hardboot.store import fstab

_DYNAMIC = "getprop ro.boot.dynamic_partitions"  # "true" where system and vendor lie in super
_USERDATA = 8 << 30  # bytes, where the user does not say: as the page on DSU has it
_TARGET = "/storage/emulated/0/Download/system.raw.gz"


def check_download(download: Download, data: int | None) -> None:
    """Refuse a download that is a system image, and brings no kernel.

    Args:
        download: Open.
        data: Bytes for its data, if the user said that.

    Raises:
        RefusedError: If it is one.
    """
    image = download.images.get(fstab.SYSTEM) or next(iter(download.images.values()), None)
    if BOOT in download.images or BOOT in download.refused or image is None:
        return
    if image.name == fstab.SYSTEM or (len(download.images) == 1 and _is_filesystem(image)):
        raise _refused(f"{download.path.name} is a system image without a kernel", image.size, data)


def check(phone: Phone, new: NewRom) -> None:
    """Refuse an Android system without its own vendor image on a phone that has its vendor in super.

    Raises:
        RefusedError: If it is one.
        DeviceError: If the phone does not answer.
    """
    if new.kind != "android" or "vendor" in new.images:
        return
    if phone.root(_DYNAMIC).text.strip() == "true":
        system, data = (len(new.images[name].data) for name in (fstab.SYSTEM, fstab.DATA))
        raise _refused(
            f"{new.name} has no vendor image, and the phone's own lies in a dynamic partition", system, data
        )


def _is_filesystem(image: ImageSource) -> bool:
    return filesystem.kind_of(next(image.blocks(), b"")) is not None


def _refused(what: str, system: int, data: int | None) -> RefusedError:
    return RefusedError(
        f"{what}: a generic system image (GSI) runs with the phone's own kernel and vendor",
        state="Nothing was written.",
        fix="Install it by Android's own DSU, unpacked: gzip -c system.img > system.raw.gz; "
        f"adb push system.raw.gz {_TARGET}; adb shell am start-activity "
        "-n com.android.dynsystem/com.android.dynsystem.VerificationActivity "
        f"-a android.os.image.action.START_INSTALL -d file://{_TARGET} "
        f"--el KEY_SYSTEM_SIZE {system} --el KEY_USERDATA_SIZE {data or _USERDATA}",
    )
