"""The lowest versions that `nox -s lowest` installs, read from pyproject.toml."""

import itertools
import tomllib
from pathlib import Path

import pytest

from noxfile import lowest_versions

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("declared", "pinned"),
    [
        ("numpy>=1.26", "numpy==1.26"),
        ("pandas>=2.2,<4", "pandas==2.2"),
        ("pyright[nodejs]>=1.1.400", "pyright[nodejs]==1.1.400"),
    ],
)
def test_a_lower_bound_becomes_a_pin(declared, pinned):
    assert lowest_versions([declared]) == [pinned]


def test_a_dependency_without_a_lower_bound_is_an_error():
    with pytest.raises(ValueError, match="'numpy' declares no lower bound"):
        lowest_versions(["numpy"])


def test_every_dependency_declares_its_lowest_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    assert len(lowest_versions(declared)) == len(declared)
