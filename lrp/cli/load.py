"""From the words of a command line to a model, its weights, a composite and a method; errors are for its user."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import xxhash
from torch import Tensor, nn

from lrp.cli.errors import Unusable
from lrp.composites.registry import COMPOSITES
from lrp.composites.serialize import from_json
from lrp.composites.table import Composite
from lrp.dataset.reading.normalize import Normalization, normalization


def load_model(spec: str, weights: Path | None, *, classes: int | None = None, seed: int = 0) -> nn.Module:
    """A model in evaluation mode.

    Args:
        spec: `torchvision:NAME`, `timm:NAME`, `hf:FOLDER` (see `lrp.cli.pretrained`), or `package.module:factory`, a
            function without arguments or a module.
        weights: Its state_dict, `.safetensors` or anything that `torch.load(weights_only=True)` reads; none leaves the
            weights at random, seeded by `seed`.
        classes: Number of outputs of a model of torchvision or timm.
    """
    torch.manual_seed(seed)
    kind, _, name = spec.partition(":")
    if not name:
        raise Unusable(f"--model {spec}: give torchvision:NAME, timm:NAME, hf:FOLDER or package.module:factory")
    model = MADE[kind](name, classes) if kind in MADE else _own(kind, name)
    if weights is not None:
        _fill(model, weights)
    return model.eval()


def made(spec: str, weights: Path | None, *, classes: int | None, seed: int, device: torch.device) -> nn.Module:
    """The same, moved to a device."""
    return load_model(spec, weights, classes=classes, seed=seed).to(device)


def device_of(device: str) -> torch.device:
    """A device by its name; an error if there is none."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise Unusable(f"--device {device}: {str(error).splitlines()[0]}") from error


def identity(spec: str, weights: Path | None, classes: int | None, seed: int) -> dict[str, Any] | None:
    """All that the numbers of such a model depend on, without making it.

    None where making it alone tells: the code of a model of one's own, the files of one on a hub.
    """
    kind, _, name = spec.partition(":")
    own = [path for path in sorted(Path(name).rglob("*")) if path.is_file()] if kind in TRAINED else []
    if kind not in LIBRARIES or (kind in TRAINED and not own):
        return None
    library = LIBRARIES[kind]
    try:
        version = importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None  # which making the model says better
    files = {str(path.relative_to(name)): file_digest(path) for path in own}
    given = None if weights is None else file_digest(weights)
    return {"model": spec, library: version, "classes": classes, "seed": seed, "files": files, "weights": given}


def file_digest(path: Path) -> str:
    """Of its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()  # type: ignore[arg-type]


def _torchvision(name: str, classes: int | None) -> nn.Module:
    from lrp._torchvision import torchvision

    models = torchvision().models
    try:
        return models.get_model(name, weights=None, **({} if classes is None else {"num_classes": classes}))
    except (ValueError, KeyError) as error:
        raise Unusable(f"torchvision has no model {name!r}; it has {', '.join(models.list_models(models))}") from error


def _timm(name: str, classes: int | None) -> nn.Module:
    try:
        from lrp._torchvision import torchvision

        torchvision()  # which timm imports
        import timm  # pyright: ignore[reportMissingImports]  # optional
    except ImportError as error:
        raise Unusable(f"--model timm:{name} needs timm: pip install timm ({error})") from error
    if not timm.is_model(name):
        like = ", ".join(timm.list_models(f"*{name}*")[:10])
        raise Unusable(f"timm has no model {name!r}{f'; it has {like}' if like else ''}")
    return timm.create_model(name, pretrained=False, **({} if classes is None else {"num_classes": classes}))


def _pretrained(name: str, classes: int | None) -> nn.Module:
    from lrp.cli import pretrained

    if classes is not None:
        raise Unusable(f"--classes {classes}: a saved model has the classes that it was trained for")
    return pretrained.load(name)


MADE: dict[str, Callable[[str, int | None], nn.Module]] = {
    "torchvision": _torchvision, "timm": _timm, "hf": _pretrained
}  # fmt: skip
"""What stands before the colon -> a model by its name and number of classes."""

LIBRARIES = {"torchvision": "torchvision", "timm": "timm", "hf": "transformers"}
"""What stands before the colon -> the package that makes the model."""

TRAINED = frozenset({"hf"})
"""Those that come with their weights."""


def imported(module: str, name: str, option: str) -> Any:
    """What is called so in a module, which is found from the current folder too."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise Unusable(f"{option} {module}:{name}: {error}") from error
    finally:
        sys.path.pop(0)


def _own(module: str, name: str) -> nn.Module:
    made = imported(module, name, "--model")
    model = made if isinstance(made, nn.Module) else made()
    if not isinstance(model, nn.Module):
        raise Unusable(f"--model {module}:{name} gave a {type(model).__name__}, not a torch.nn.Module")
    return model


def _fill(model: nn.Module, weights: Path) -> None:
    state = read_weights(weights)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise Unusable(f"{weights} does not fit the model: {error}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state_dict, freed of the wrappings that training scripts put around it."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise Unusable(f"{path} cannot be read as plain weights ({reason}); save model.state_dict()") from error
    for key in ("state_dict", "model"):
        state = state[key] if isinstance(state, Mapping) and isinstance(state.get(key), Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise Unusable(f"{path} holds a {type(state).__name__}, not a state_dict")
    return {name.removeprefix("module."): value for name, value in state.items()}


def load_composite(
    name: str | None, words: Sequence[str], scale: Normalization, rank: int = 4, *, tokens: bool = False
) -> Composite:
    """A composite of that name, or from a JSON file; z_box takes its bounds from the normalization.

    Args:
        name: None for the default: `epsilon_gamma_box` for pictures, which have bounds, `attn_lrp` for tokens, else
            `epsilon_plus`.
        rank: Of the input with its batch, 4 for pictures.
        tokens: Whether it is of integers.
    """
    name = name or ("attn_lrp" if tokens else "epsilon_gamma_box" if rank == 4 else "epsilon_plus")
    if name.endswith(".json"):
        return from_json(Path(name).read_text(encoding="utf-8"))
    if name not in COMPOSITES:
        raise Unusable(f"no composite {name!r}; there are {', '.join(COMPOSITES)}, or a .json file")
    bounds = {key: value.reshape(1, -1, *[1] * (rank - 2)) for key, value in (("low", scale.low), ("high", scale.high))}
    given = bounds if name == "epsilon_gamma_box" else {}
    try:
        return COMPOSITES[name](**given | options(words, "--option"))
    except TypeError as error:
        raise Unusable(f"composite {name}: {error}") from error


def options(words: Sequence[str], where: str) -> dict[str, Any]:
    """`name=value` with JSON values, or plain words."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Unusable(f"{where} {word}: give NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def load_normalization(text: str | None, model: str) -> Normalization:
    """As named; by default what torchvision's models were trained with, and nothing for others."""
    return normalization(text or ("imagenet" if model.startswith("torchvision:") else "none"))


def key(text: str | None) -> str | int | None:
    """Which of several outputs: a position, if it is a number, or a key."""
    return int(text) if text is not None and text.lstrip("-").isdigit() else text


class Chosen(nn.Module):
    """A model of several outputs, of which it returns one."""

    def __init__(self, model: nn.Module, output: str | int):
        super().__init__()
        self.model, self.output = model, output
        self.training = model.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """That output."""
        found = self.model(*args, **kwargs)
        by_name = isinstance(self.output, str) and not isinstance(found, Mapping)
        try:
            return getattr(found, str(self.output)) if by_name else found[self.output]
        except (LookupError, TypeError, AttributeError) as error:
            known = ", ".join(map(str, found)) if isinstance(found, Mapping) else f"a {type(found).__name__}"
            raise Unusable(f"--output {self.output}: the model returns {known}") from error
