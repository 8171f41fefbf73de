"""Importing the packages is quick: what a user does not need is not loaded."""

import subprocess
import sys

import spray


def test_lrp_does_not_load_scikit_learn():
    code = "import sys, lrp; print(*{'sklearn', 'scipy.stats', 'matplotlib', 'bokeh'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there():
    assert {name for name in spray.__all__ if getattr(spray, name) is None} == set()
    assert set(spray.__all__) <= set(dir(spray))
