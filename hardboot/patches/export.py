"""Export a series as one patch file, for use without hardboot."""

from hardboot.base import files
from hardboot.patches.series import CONFIG_NAME, ProfileValues, Series

_LIMIT = 4 << 20  # bytes of one patch


def combine(series: Series, phone: ProfileValues, title: str) -> bytes:
    """Combine the patches of `series` and its options, as a new file, into one for patch -p1 and git apply.

    Args:
        series: What to export.
        phone: Values of the profile, for the options.
        title: Name of the phone, for the text at the top.

    Raises:
        InputError: If a patch cannot be read.
        RefusedError: If the profile lacks a value that the series needs.
    """
    options = series.config_fragment(phone).decode().splitlines()
    text = f"hardboot support ({series.name}) for {title}; {series.licence}\n\n"
    text += f"In the kernel source: patch -p1 -F0, then add the options in {CONFIG_NAME}.\n\n"
    folder = files.data_dir("patches") / series.name
    parts = [text.encode()] + [files.read_bytes(folder / name, limit=_LIMIT) for name in series.patches]
    fragment = f"diff --git a/{CONFIG_NAME} b/{CONFIG_NAME}\nnew file mode 100644\n"
    fragment += f"--- /dev/null\n+++ b/{CONFIG_NAME}\n@@ -0,0 +1,{len(options)} @@\n"
    fragment += "".join(f"+{line}\n" for line in options)
    return b"".join([*parts, fragment.encode()])
