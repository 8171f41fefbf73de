"""Importing the packages is quick, for what a user does not need is not loaded; and the version is told alike."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

import spray

ROOT = Path(__file__).resolve().parents[2]


def test_lrp_does_not_load_scikit_learn():
    code = "import sys, lrp; print(*{'sklearn', 'scipy.stats', 'matplotlib', 'bokeh'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there():
    assert {name for name in spray.__all__ if getattr(spray, name) is None} == set()
    assert set(spray.__all__) <= set(dir(spray))


def test_the_citation_is_of_the_last_release():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released = re.findall(r"^## \[(\d.*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation["title"] == project["name"]
    assert (citation["version"], str(citation["date-released"])) == released[0]
    assert all(reference["doi"].startswith("10.") for reference in citation["references"])
