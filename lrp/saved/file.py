"""One file an explainer: a safetensors file whose header says what the weights are for."""

from __future__ import annotations

import json
import math
from os import PathLike
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import xxhash
from safetensors import SafetensorError, safe_open
from torch import Tensor, fx

from lrp._torch import pytree
from lrp.composites.serialize import to_json
from lrp.explain.copies import is_compiled
from lrp.explain.one_call import Explainer
from lrp.graph.graph import Graph
from lrp.saved.loaded import Loaded
from lrp.saved.programs import from_data, to_data
from lrp.transform.passes import tensors
from spray.files import replacing
from spray.store import versions

FORMAT = 1
PROGRAMS = ("forward", "backward")


def save(explain: Explainer, path: str | PathLike[str]) -> Path:
    """Write an explainer, to be read by `load` in another process without the model and without tracing it.

    The file holds both programs as lists of calls of PyTorch's operators and the prepared weights (safetensors), the
    composite, the versions of the libraries, and a digest of all of it. There is no pickle in it.

    Args:
        explain: From `lrp.explainer`; of a compiled one the programs are saved as they were before.
        path: The file; `resnet50.safetensors`, say. An old one is replaced when the new one is whole.

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
        "inputs": [[node.name, list(sizes), str(node.meta["val"].dtype).removeprefix("torch.")]
                   for node, sizes in zip(graph.inputs, graph.sizes, strict=True)],
        "output": [size if isinstance(size, int) else str(size) for size in graph.output.meta["val"].shape],
        "structure": _structure(graph.structure),
        "batch": graph.batch,
        "samples_at_once": explain.samples_at_once,
        "axes": [None if names is None else list(names) for names in explain.axes],
        "weights": [names[_same(value)] for value in weights],
        "layouts": [[name, _order(value)] for name, value in held.items() if not value.is_contiguous()],
        "devices": sorted({value.device.type for value in held.values()}),
        "composite": _composite(program.composite),
        "versions": versions(),
    }  # fmt: skip
    plain = {name: value.detach().permute(_order(value)).cpu().clone(memory_format=torch.contiguous_format)
             for name, value in held.items()}  # fmt: skip
    said = json.dumps({**facts, **programs})
    content = safetensors.torch.save(plain, {"explainer": said, "digest": _digest(plain, said)})
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def load(path: str | PathLike[str], device: str | torch.device | None = None) -> Loaded:
    """Read what `save` wrote: an explainer that is ready at once, and gives the same numbers.

    Args:
        path: The file. What it says is checked; it can compute, but neither run code nor read other files.
        device: Where the weights go. Default: the processor they were saved from.

    Returns:
        A function from inputs to explanations, as `lrp.explainer` makes it, but without the model's layers.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, is none of ours, or of a later version of ours.
    """
    file = Path(path)
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
            held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{file} is damaged or no safetensors file ({error}): save the explainer again") from error
    if "explainer" not in header:
        raise ValueError(f"{file} holds weights, but no explainer: give a file that lrp.save has written")
    if header.get("digest") != _digest(held, header["explainer"]):
        raise ValueError(f"{file} is not as it was written: save the explainer again")
    facts = json.loads(header["explainer"])
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"{file} has format {facts.get('format')}, we read {FORMAT}: update lrp-spray, or save it anew"
        )
    try:
        return _loaded(facts, held, device)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(f"{file} is no explainer as lrp.save writes it: {error}") from error


def _loaded(facts: dict[str, Any], held: dict[str, Tensor], device: Any) -> Loaded:
    orders = dict(facts["layouts"])
    where = torch.device(facts["devices"][0] if device is None and facts["devices"] else device or "cpu")
    for name, value in held.items():
        value = value.to(where)
        if name in orders:
            value = value.permute([orders[name].index(axis) for axis in range(value.ndim)])
        held[name] = value
    weights = [held[name] for name in facts["weights"]]
    made = {}
    for which in PROGRAMS:
        own = {name.partition(".")[2]: value for name, value in held.items() if name.startswith(f"{which}.")}
        made[which] = from_data(facts[which], own)
    told = {key: facts[key] for key in ("composite", "versions")}
    axes = [None if names is None else tuple(names) for names in facts["axes"]]
    return Loaded(_signature(facts), weights=weights, samples_at_once=facts["samples_at_once"], axes=axes, facts=told,
                  **made)  # fmt: skip


def _signature(facts: dict[str, Any]) -> Graph:
    """A graph of placeholders, which says what inputs must be like."""
    graph, inputs = fx.Graph(), []
    for name, sizes, dtype in facts["inputs"]:
        node = graph.placeholder(name)
        shape = [2 if isinstance(size, str) else size for size in sizes]
        node.meta["val"] = torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        inputs.append(node)
    output = graph.call_function(torch.Tensor.size, (inputs[0],), name="output_of_the_model")  # never run
    shape = [2 if isinstance(size, str) else size for size in facts["output"]]
    output.meta["val"] = torch.empty(shape, device="meta")
    graph.output(output)
    places = _places(facts["structure"])
    found = Graph(graph, {}, pytree.tree_structure(places), facts["batch"])
    found.__dict__["sizes"] = tuple(tuple(sizes) for _, sizes, _ in facts["inputs"])
    return found


def _same(value: Tensor) -> tuple[Any, ...]:
    return value.data_ptr(), value.dtype, value.device, tuple(value.shape), value.stride()


def _structure(spec: pytree.TreeSpec) -> Any:
    """One tensor, or a list or dict of names: what inputs are put together as."""
    return json.loads(pytree.treespec_dumps(spec))


def _places(written: Any) -> Any:
    spec = pytree.treespec_loads(json.dumps(written))
    return pytree.tree_unflatten(list(range(spec.num_leaves)), spec)


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
