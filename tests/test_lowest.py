"""What sessions of nox decide: the lowest versions of `lowest`, read from pyproject.toml; the verdict of `audit`."""

import itertools
import tomllib
from pathlib import Path

import pytest

from noxfile import lowest_versions, vulnerabilities

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


SOUND: dict[str, object] = {"name": "numpy", "version": "2.4.6", "vulns": []}
SKIPPED: dict[str, object] = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def test_an_audit_names_what_is_vulnerable():
    fault = {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}
    found = vulnerabilities([SOUND, SKIPPED, {"name": "pillow", "version": "1.0", "vulns": [fault]}])
    assert found == ["pillow 1.0: PYSEC-1, fixed in 1.1, 2.0"]
    assert vulnerabilities([SOUND, SKIPPED]) == []


def test_an_audit_of_nothing_is_no_success():
    assert "not one package" in vulnerabilities([SKIPPED])[0]
