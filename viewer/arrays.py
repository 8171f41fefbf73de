"""`lrp-viewer arrays.npz`: a file of `numpy.savez` becomes a project in the user's cache, by `spray import`."""

import hashlib
import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from spray import store


def projects_of(paths: Sequence[str]) -> list[str]:
    """Paths of projects, with each file of arrays replaced by its project.

    >>> projects_of(["digits", "project.yaml"])
    ['digits', 'project.yaml']
    """
    return [str(project_of(Path(path))) if path.endswith(".npz") else path for path in paths]


def project_of(file: Path) -> Path:
    """The project of a file of arrays: made once, and found again as long as the file holds the same.

    Raises:
        SystemExit: It cannot be read, or does not fit; what is wrong is printed.
    """
    from spray.cli import main as spray  # scikit-learn takes a second to load

    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    except OSError as error:
        raise SystemExit(f"lrp-viewer: {file} cannot be read: {error.strerror or error}") from None
    names = (f"{file.stem}-{digest}" + (f"-{number}" if number > 1 else "") for number in itertools.count(1))
    folder = next(folder for name in names if not (folder := cache() / name).exists() or store.analyses(folder))
    if not folder.exists():  # one that was left half done is left alone
        spray(["import", str(file), str(folder)])
        if not store.analyses(folder):
            spray(["analyse", str(folder)])
    sys.stderr.write(f"{file} is the project {folder}; findings are kept there: `spray import` makes one elsewhere\n")
    return folder


def cache() -> Path:
    """Where the system keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lrp-spray"
