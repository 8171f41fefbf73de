"""Libraries that only some stages need."""

import importlib
import warnings
from typing import Any

# What to install for a module, where its name is another one.
PACKAGES = {"dask.distributed": "distributed", "matplotlib.figure": "matplotlib", "umap": "umap-learn"}


def optional(module: str, *, purpose: str) -> Any:
    """The module, or an error that says what to install: the package itself, which is on PyPI whether we are or not.

    Raises:
        ImportError: It is not there, or does not load.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library says while it loads is none of the caller's concern
            return importlib.import_module(module)
    except ImportError as error:
        package = PACKAGES.get(module, module)
        raise ImportError(f"{purpose} needs {module} ({error}): pip install {package}") from error
