"""Import torchvision, also where its compiled operators do not load beside this torch (a CPU build, say)."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_kept: list[torch.library.Library] = []  # a library's definitions live as long as it does


def torchvision() -> ModuleType:
    """The torchvision module. A proper installation is imported as it is.

    Without the compiled operators, `import torchvision` fails on the schemas of two of them; these are declared (not
    implemented: detection models cannot run), and models, transforms and datasets work.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise ImportError(
            "torchvision, which its models and datasets need, is not there: pip install torchvision"
        ) from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)
    return importlib.import_module("torchvision")
