"""Where an analysis lies: any text is a category, and each has a file of its own."""

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

from spray.files import ProjectError, within
from spray.store.facts import Place
from spray.store.netcdf import read_attrs

REMEDY = "delete the file and analyse this category again"
NAME = re.compile(r"[\w-][\w .-]*")  # of an analysis
LONGEST = 200  # file systems allow 255 bytes, and a temporary name is longer than the final one


def analyses(path: Place) -> list[str]:
    """Names of the analyses of a project that hold at least one category or a recorded failure.

    A folder that `write_category` could not have made, such as a file manager's "spectral (copy)", is none.

    Args:
        path: The project's folder.

    Returns:
        Their names, in order.

    Example:
        >>> import tempfile, xarray as xr
        >>> from spray.store import save_analysis
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> save_analysis({"0": found}, folder, name="mine")
        >>> analyses(folder)
        ['mine']
    """
    folder = Path(path) / "analyses"
    return sorted(
        entry.name
        for entry in folder.glob("*")
        if NAME.fullmatch(entry.name) and entry.is_dir() and any(entry.glob("*.nc"))
    )


def folder_of(path: Place, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise ProjectError(
            f"analysis name {name!r} must serve as a folder's name: use letters, digits, ' ', '-', '_', '.'"
        )
    return Path(path) / "analyses" / name


def files_of(path: Place, name: str, *, needed: bool = True) -> list[Path]:
    folder = folder_of(path, name)
    within(folder, Path(path))
    if needed and not folder.is_dir():
        known = ", ".join(analyses(path)) or "none"
        raise ProjectError(f"{path} has no analysis {name!r} (it has: {known}): give one of these or run spray.analyse")
    found = (file for file in folder.glob("*.nc") if file.name != "index.nc" and not file.name.startswith("."))
    return sorted(within(file, Path(path)) for file in found)


def quoted(category: str) -> str:
    """A file name for any text, also on file systems that ignore case; `unquote` gives the text back.

    Only a name too long for a file system is cut, marked by ~ and a digest; its text is in the file's attributes.
    """
    plain = re.compile(r"[a-z0-9_,. -]")
    name = "".join(c if plain.fullmatch(c) else "".join(f"%{byte:02X}" for byte in c.encode()) for c in category)
    if name.startswith(".") or name in ("", "index"):
        name = f"%{ord(name[0]):02X}{name[1:]}" if name else "%"
    return name if len(name) <= LONGEST else f"{name[:150]}~{hashlib.sha256(category.encode()).hexdigest()[:16]}"


def category_of(file: Path) -> str:
    """The category in a file: its name, or for a long one what the file says."""
    stem = file.name.removesuffix(".nc")
    if stem == "%":
        return ""
    return unquote(stem) if "~" not in stem else str(read_attrs(file, remedy=REMEDY)["category"])


def natural(category: str) -> list:
    """Runs of digits by their value, which is not computed: one may have 5000 of them. "²" is no such digit."""
    parts = ((part, part.lstrip("0")) for part in re.split(r"([0-9]+)", category))
    return [(len(digits), digits) if re.fullmatch("[0-9]+", part) else (-1, part) for part, digits in parts]
