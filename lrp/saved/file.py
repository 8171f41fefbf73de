"""One file an explainer: a safetensors file whose header says what the weights are for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import xxhash
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lrp.composites.serialize import from_json, to_json
from lrp.composites.table import Composite
from lrp.explain.copies import is_compiled
from lrp.explain.one_call import Explainer
from lrp.saved.programs import from_data, to_data
from lrp.saved.signature import from_facts, to_facts
from lrp.transform.passes import tensors
from lrp.transform.recorded import Passes
from spray.files import replacing
from spray.store import versions

FORMAT = 1
PROGRAMS = ("forward", "backward")


@dataclass(frozen=True, eq=False, repr=False)
class Loaded(Explainer):
    """Explains as the explainer that was saved: the same program on the same weights.

    The numbers are the same bits, too, but on processors where MKL sums in another order when memory lies at another
    address. It has no layers to look into and no weights to refresh: for conditions, `at=` and audits make an explainer
    from the model.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of where it comes from: composite, versions, notes, digest."""

    def __repr__(self) -> str:
        shapes = ", ".join(f"({', '.join(map(str, sizes))})" for sizes in self.program.graph.sizes)
        return f"Loaded(input {shapes}, {len(self.weights)} weights)"

    def __reduce__(self) -> tuple[Any, ...]:
        return _checked, _content(self)

    def __deepcopy__(self, memo: object) -> Loaded:
        made = replace(self, weights=[weight.clone() for weight in self.weights])  # type: ignore[arg-type]
        return known(made, self.samples_at_once, self.axes)


def known(loaded: Loaded, samples_at_once: int | None, axes: Sequence[Any]) -> Loaded:
    """The same with what an explainer would find by its layers, which a loaded one has not."""
    vars(loaded).update(samples_at_once=samples_at_once, axes=list(axes))
    return loaded


def save(explain: Explainer, path: str | PathLike[str], *, notes: Mapping[str, Any] | None = None) -> Path:
    """Write an explainer, to be read by `load` in another process without the model and without tracing it.

    The file holds both programs as lists of calls of PyTorch's operators and the prepared weights (safetensors), the
    composite, the versions of the libraries, and a digest of all of it. There is no pickle in it.

    Args:
        explain: From `lrp.explainer`; of a compiled one the programs are saved as they were before.
        path: The file; `resnet50.safetensors`, say. An old one is replaced when the new one is whole.
        notes: Facts of your own, as JSON has them, which `load(path).facts["notes"]` gives back. Default: those of a
            loaded one, else none.

    Returns:
        The file.

    Raises:
        ValueError: The program calls an operator that is none of PyTorch's own, or is compiled.

    Example:
        >>> import tempfile, torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus())
        >>> x, file = torch.rand(5, 3), lrp.save(explain, tempfile.mkdtemp() + "/small.safetensors")
        >>> torch.equal(lrp.load(file)(x).relevance, explain(x).relevance)
        True
    """
    held, header = _content(explain, notes)
    with replacing(Path(path)) as temporary:
        safetensors.torch.save_file(held, temporary, header)
    return Path(path)


def _content(explain: Explainer, notes: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of an explainer's file, and its header."""
    before = explain.facts["notes"] if isinstance(explain, Loaded) else {}
    program = explain.program
    if is_compiled(program):
        raise ValueError("a compiled explainer is machine code: save the one that was made without compile=True")
    graph, held, programs = program.graph, {}, {}
    for which in PROGRAMS:
        programs[which], own = to_data(getattr(program, which))
        held |= {f"{which}.{name}": value for name, value in own.items()}
    weights = tensors(explain.weights)
    names: dict[Any, str] = {}  # a weight that several rules read is one
    for value in weights:
        held.setdefault(names.setdefault(_same(value), f"weight.{len(names)}"), value)
    facts = {
        "format": FORMAT,
        **to_facts(graph),
        "samples_at_once": explain.samples_at_once,
        "kept": list(program.kept),
        "axes": [None if names is None else list(names) for names in explain.axes],
        "weights": [names[_same(value)] for value in weights],
        "layouts": [[name, _order(value)] for name, value in held.items() if not value.is_contiguous()],
        "device": next((value.device.type for value in weights), "cpu"),
        "composite": _composite(program.composite),
        "versions": versions(),
        "notes": before if notes is None else dict(notes),
    }  # fmt: skip
    plain = {name: value.detach().permute(_order(value)).cpu().clone(memory_format=torch.contiguous_format)
             for name, value in held.items()}  # fmt: skip
    said = json.dumps({**facts, **programs})
    return plain, {"explainer": said, "digest": _digest(plain, said)}


def load(path: str | PathLike[str], device: str | torch.device | None = None) -> Loaded:
    """Read what `save` wrote: an explainer that is ready at once, and gives the same numbers.

    Args:
        path: The file. What it says is checked; it can compute, but neither run code nor read other files.
        device: Where it computes. Default: the kind of processor it was saved on.

    Returns:
        A function from inputs to explanations, as `lrp.explainer` makes it, but without the model's layers.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, is a folder, is none of ours, or of a later version of ours.
    """
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder: give the file that lrp.save has written")
    try:
        with safe_open(path, framework="pt") as opened:
            header = opened.metadata() or {}
            held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error}): save the explainer again") from error
    return _checked(held, header, device, path)


def _checked(
    held: dict[str, Tensor], header: Mapping[str, str], device: str | torch.device | None = None, name: object = "it"
) -> Loaded:
    """What tensors and a header are the explainer of, if they are as they were written; errors call it by `name`."""
    if "explainer" not in header:
        raise ValueError(f"{name} holds weights, but no explainer: give a file that lrp.save has written")
    if header.get("digest") != _digest(held, header["explainer"]):
        raise ValueError(f"{name} is not as it was written: save the explainer again")
    facts = json.loads(header["explainer"])
    if facts.get("format") != FORMAT:
        raise ValueError(f"{name} has format {facts.get('format')}, we read {FORMAT}: update lrp-spray or save anew")
    try:
        return _loaded(facts | {"digest": header["digest"]}, held, device)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(f"{name} is no explainer as lrp.save writes it: {error}") from error


def _loaded(facts: dict[str, Any], held: dict[str, Tensor], device: Any) -> Loaded:
    orders, where = dict(facts["layouts"]), torch.device(device or facts["device"])
    for name, value in held.items():
        order = orders.get(name, range(value.ndim))
        held[name] = value.to(where).permute([order.index(axis) for axis in range(value.ndim)])
    made = []
    for which in PROGRAMS:
        own = {name.partition(".")[2]: value for name, value in held.items() if name.startswith(f"{which}.")}
        made.append(from_data(facts[which], own, where))
    passes: Any = Passes(from_facts(facts), *made, kept=tuple(facts["kept"]), composite=_rows(facts["composite"]))
    weights: Any = [held[name] for name in facts["weights"]]
    told = {key: facts.get(key, {}) for key in ("composite", "versions", "notes", "digest")}
    axes = [None if names is None else tuple(names) for names in facts["axes"]]
    return known(Loaded(passes, weights, facts=told), facts["samples_at_once"], axes)


def _rows(composite: str) -> Composite:
    """Rows that JSON can hold; rules of one's own are not known here."""
    try:
        return from_json(composite)
    except ValueError:
        return Composite(())


def _same(value: Tensor) -> tuple[Any, ...]:
    return value.data_ptr(), value.dtype, value.device, tuple(value.shape), value.stride()


def _order(value: Tensor) -> list[int]:
    """Axes from the one of the longest step on: a permutation after which the values lie one behind the other."""
    return sorted(range(value.ndim), key=lambda axis: (-value.stride(axis), axis))


def _composite(rows: Any) -> str:
    try:
        return to_json(rows)
    except ValueError:  # rules of one's own, which only Python can name
        return repr(rows)


def _digest(held: dict[str, Tensor], said: str) -> str:
    digest = xxhash.xxh3_128(said.encode())
    for name in sorted(held):
        value = held[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        if math.prod(value.shape):
            digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
