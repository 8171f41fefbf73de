"""Importing the packages is quick, for what a user does not need is not loaded; and the version is told alike."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
import yaml

import lrp
import spray

ROOT = Path(__file__).resolve().parents[2]


def test_lrp_does_not_load_scikit_learn():
    code = "import sys, lrp; print(*{'sklearn', 'scipy.stats', 'matplotlib', 'bokeh'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_core_of_lrp_loads_neither_pictures_nor_datasets_nor_us():
    parts = "graph canonizers rules composites transform explain accounting".split()
    imports = ", ".join(f"lrp.{part}" for part in parts)
    code = f"import sys, {imports}; print(*{{'PIL', 'xarray', 'spray', 'viewer', 'bokeh'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", [lrp, spray])
def test_every_public_name_is_there(package):
    assert {name for name in package.__all__ if getattr(package, name) is None} == set()
    assert set(package.__all__) <= set(dir(package))


def modules(package):
    found = pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
    return [name for _, name, _ in found if not name.endswith(("__main__", "app_hooks", ".main"))]


@pytest.mark.parametrize("package", ["lrp", "spray", "viewer"])
def test_no_name_hides_a_module(package):
    for name in modules(package):
        module = importlib.import_module(name)
        home, _, last = name.rpartition(".")
        assert isinstance(module, types.ModuleType)
        assert getattr(importlib.import_module(home), last) is module, f"{home} hands on another {last}"


def test_the_citation_is_of_the_last_release():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released = re.findall(r"^## \[(\d.*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation["title"] == project["name"]
    assert (citation["version"], str(citation["date-released"])) == released[0]
    assert all(reference["doi"].startswith("10.") for reference in citation["references"])


def raising(tree):
    """Public functions that raise, or that make one which does; commands aside, whose docstrings are their help."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            command = any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
            if not command and any(isinstance(inner, ast.Raise) and inner.exc for inner in ast.walk(node)):
                yield node


def test_every_function_of_spray_that_raises_says_when():
    found = [
        (f"{file.relative_to(ROOT)}:{node.lineno} {node.name}", ast.get_docstring(node) or "")
        for file in sorted((ROOT / "spray").rglob("*.py"))
        for node in raising(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert len(found) > 30
    assert [place for place, said in found if "Raises:" not in said] == []
