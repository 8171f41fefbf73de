"""Libraries that only some stages need."""

import importlib
import warnings
from typing import Any


def optional(module: str, *, extra: str, purpose: str) -> Any:
    """The module, or an error that says what to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library says while it loads is none of the caller's concern
            return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{purpose} needs {module} ({error}): pip install 'lrp-spray[{extra}]'") from error
