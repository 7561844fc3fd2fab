"""Profile files: the user's own, those that ship with hardboot (devices/*.toml), and others by path.

A profile of the user takes the place of one that ships with the same name, and is found first by codename.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import config_dir, data_dir, read_bytes
from hardboot.base.similar import did_you_mean
from hardboot.profile.model import Profile
from hardboot.profile.syntax import malformed, parse

_LIMIT = 1 << 20  # bytes; the largest profile is a few KiB


def own_dir() -> Path:
    """Return the folder of the user's own profiles.

    Raises:
        InputError: If the user has no home folder.
    """
    return config_dir() / "devices"


def path_of(name: str) -> Path | None:
    """Return the file of the profile called `name`: the user's, else the one that ships; None without any."""
    return _paths().get(name)


def is_own(path: Path) -> bool:
    """Return whether `path` is in the folder of the user's own profiles."""
    return path.parent in _folders()[1:]


def is_shipped(path: Path) -> bool:
    """Return whether `path` is in the folder of profiles that ship with hardboot."""
    return path.parent == data_dir("devices")


def names() -> list[str]:
    """Return the names of all profiles, the user's own included, sorted."""
    return sorted(_paths())


def load(name: str) -> Profile:
    """Load the profile called `name`, else the one with that codename, else the one with that in its title.

    Raises:
        InputError: If there is none, if several have it in their title, or if its file is wrong.
    """
    path = path_of(name)
    if path:
        return _chosen(path, read(path))
    known = dict(_read_all(name))
    return _match(known, name) or _find_title(known, name)


def match(product_device: str) -> Profile | None:
    """Return the profile with the codename `product_device` (ro.product.device); None if there is none.

    The user's own come first. A wrong one of theirs is skipped with a warning, unless it has the codename.

    Raises:
        InputError: If that file is wrong, or two of the user's own have the codename.
    """
    return _match(dict(_read_all(product_device)), product_device)


def load_all() -> Iterator[Profile]:
    """Load every profile, by name; one of the user's own that is wrong is skipped with a warning."""
    for _, found in _read_all():
        yield found


def read(path: Path) -> Profile:
    """Read the profile in the file `path`; in a folder of profiles its name must be the file's.

    Raises:
        InputError: If it cannot be read, is not TOML, or a key or value is wrong.
    """
    profile = parse(read_bytes(path, limit=_LIMIT), str(path))
    if path.parent in _folders() and profile.name != path.stem:
        raise malformed(str(path), f"the profile is named {profile.name!r}, but the file {path.stem!r}")
    return profile


def load_folder(folder: Path) -> list[Profile]:
    """Load the profiles in `folder`, if it is the user's or the one that ships with hardboot."""
    return [one for path, one in _read_all() if path.resolve().parent == folder.resolve()]


def _folders() -> list[Path]:
    """Return the folders of profiles: the one that ships, and the user's, if they can have one."""
    try:
        return [data_dir("devices"), own_dir()]
    except InputError:  # without a home folder
        return [data_dir("devices")]


def _paths() -> dict[str, Path]:
    """Return the file of each profile, by name."""
    files = [path for folder in _folders() for path in sorted(folder.glob("*.toml"))]
    return {path.stem: path for path in files if not path.name.startswith(".")}


def _read_all(codename: str | None = None) -> Iterator[tuple[Path, Profile]]:
    """Yield every profile and its file, by name.

    Args:
        codename: A file of the user that is wrong and has this in its name or content is an error, not
            skipped.
    """
    for _, path in sorted(_paths().items()):
        try:
            yield path, read(path)
        except InputError as error:
            if not is_own(path) or (codename and _mentions(path, codename)):
                raise
            log.warn(f"skipping your own profile: {error.what}")


def _mentions(path: Path, codename: str) -> bool:
    if path.stem == codename:
        return True
    try:
        return codename.encode() in read_bytes(path, limit=_LIMIT)
    except InputError:
        return False


def _match(known: dict[Path, Profile], codename: str) -> Profile | None:
    fitting = {path: one for path, one in known.items() if codename in one.codenames}
    own = {path: one for path, one in fitting.items() if is_own(path)}
    if len(own) > 1:
        raise InputError(
            f"{len(own)} profiles of yours have the codename {codename}: {', '.join(map(str, own))}",
            state="Nothing was changed.",
            fix=f"Choose one: --device {next(iter(own.values())).name}",
        )
    return next((_chosen(path, one) for path, one in (own or fitting).items()), None)


def _chosen(path: Path, found: Profile) -> Profile:
    """Return the profile `found`; say so if it is one of the user's, and if one that ships is not used."""
    if is_own(path):
        shipped = (data_dir("devices") / path.name).is_file()
        log.say(f"Using your own profile {path}{', not the one that ships with hardboot' if shipped else ''}")
    return found


def _find_title(known: dict[Path, Profile], title: str) -> Profile:
    """Return the only profile with these words in its title; case and punctuation do not matter."""
    titles = {path: f" {_words(one.title)} " for path, one in known.items()}
    wanted = f" {_words(title)} "
    fitting = [path for path, one in titles.items() if one == wanted]
    fitting = fitting or [path for path, one in titles.items() if wanted.strip() and wanted in one]
    if len(fitting) == 1:
        return _chosen(fitting[0], known[fitting[0]])
    names = ", ".join(path.stem for path in fitting or known)
    what = f"no profile named {title!r}"
    if fitting:
        what = f"{len(fitting)} profiles have {title!r} in their title"
    else:
        meant: dict[str, str] = {}
        for one in known.values():
            meant |= {one.title: one.name, one.title.partition(" ")[2]: one.name}
            meant |= {name: name for name in (*one.codenames, one.name)}
        what += did_you_mean(title, meant)
    fix = f"Use the file: --profile {title}" if Path(title).is_file() else f"Use one of: {names}."
    raise InputError(what, state="Nothing was changed.", fix=fix)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
