"""Models with their weights and tokenizer, as Hugging Face's transformers saved them: in a folder or on its hub."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from lrp._torchvision import torchvision
from lrp.cli.errors import Unusable


def transformers() -> ModuleType:
    """The package, an optional one."""
    with suppress(ImportError):  # it imports torchvision if it is there, which fails where its operators do not load
        torchvision()
    try:
        import transformers as found  # pyright: ignore[reportMissingImports]  # optional
    except ImportError as error:
        raise Unusable(f"--model hf:... needs transformers: pip install 'lrp-spray[text]' ({error})") from error
    found.utils.logging.disable_progress_bar()  # of reading weights
    return found


def load(name: str) -> nn.Module:
    """A model with its weights, of the class that it was saved as; no code that comes with it is run.

    Args:
        name: A folder, or a name on the hub, which is downloaded.

    Raises:
        Unusable: There is no such model, or it is of no class that transformers has.
    """
    package, options = transformers(), _where(name)
    try:
        config = package.AutoConfig.from_pretrained(name, **options)
        classes = getattr(config, "architectures", None) or []
        if len(classes) != 1 or not hasattr(package, classes[0]):
            raise Unusable(f"--model hf:{name}: it is a {', '.join(classes) or 'model of no class'}, which is none of "
                           "transformers'; give package.module:factory")  # fmt: skip
        return getattr(package, classes[0]).from_pretrained(name, config=config, **options)
    except (OSError, ValueError) as error:
        raise _unusable(name, error) from error


def tokenizer(name: str) -> Any:
    """The tokenizer that was saved with a model.

    Raises:
        Unusable: There is none.
    """
    try:
        return transformers().AutoTokenizer.from_pretrained(name, **_where(name))
    except (OSError, ValueError) as error:
        raise _unusable(name, error) from error


def _where(name: str) -> dict[str, bool]:
    return {"local_files_only": Path(name).is_dir(), "trust_remote_code": False}


def _unusable(name: str, error: Exception) -> Unusable:
    if isinstance(error, Unusable):
        return error
    where = "the folder" if Path(name).is_dir() else "the hub (no folder is called so)"
    return Unusable(f"--model hf:{name}: not found in {where}: {str(error).splitlines()[0]}")


def output_of(model: nn.Module, x: dict[str, Tensor] | Tensor) -> str | None:
    """Which of several outputs is explained, where nobody says: the logits.

    Raises:
        Unusable: There are several, and no logits; the message lists them.
    """
    with torch.no_grad():
        found = model(**x) if isinstance(x, dict) else model(x)
    if isinstance(found, Tensor):
        return None
    names = [str(name) for name in found] if hasattr(found, "keys") else []
    if "logits" in names:
        return "logits"
    raise Unusable(f"the model gives {', '.join(names) or 'several outputs'} and no logits: say --output")
