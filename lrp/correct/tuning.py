"""`tune`: parameters that minimize the classification loss and some terms more, chosen by a held-out set."""

from __future__ import annotations

import copy
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from tqdm import tqdm

from lrp.correct.losses import Loss, classification, scaled
from lrp.correct.samples import Samples
from lrp.graph.graph import Graph
from spray.files import ProjectError, replacing

EVALUATED_WITH = 1_000_003
"""Seed of what the losses draw on held-out samples: the same in each epoch, so that epochs compare."""


ADAM = partial(Adam, lr=1e-3)


@dataclass(frozen=True)
class Tuned:
    """The parameters of the best epoch, and each epoch's loss on the held-out samples; the first is the start's."""

    params: Mapping[str, Tensor]
    held_out: tuple[float, ...]

    @property
    def best(self) -> int:
        """The epoch that the parameters are of; 0 if none was better than the start."""
        return min(range(len(self.held_out)), key=self.held_out.__getitem__)


def tune(
    graph: Graph,
    data: Samples,
    held_out: Samples,
    terms: Sequence[Loss] = (),
    *,
    weight: float = 1.0,
    only: Callable[[str], bool] | None = None,
    optimizer: Callable[[Iterable[Tensor]], Optimizer] = ADAM,
    epochs: int = 30,
    batch_size: int = 64,
    patience: int = 5,
    seed: int = 0,
    path: str | PathLike[str] | None = None,
    progress: bool = True,
) -> Tuned:
    """Minimize cross-entropy + weight * sum of the terms, each divided by its value at the start.

    The same seed gives the same parameters. Batch norm keeps its statistics. Training ends when the held-out loss,
    of the same terms, has not fallen for `patience` epochs.

    Args:
        graph: From `trace`; it is not changed, nor is the model.
        terms: Of `lrp.correct`: `right_reasons`, `insensitive`, `pasted`, `augment`, or your own.
        only: Which parameters are tuned, by name. Default: all that the model learned.
        optimizer: From parameters to any of `torch.optim`.
        path: A file of the state after each epoch; the same call goes on from it.

    Raises:
        ValueError: A term is zero at the start, or no parameter is to be tuned.
        ProjectError: The file is of another run.

    Example:
        >>> import lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2)).eval()
        >>> x = torch.randn(64, 3)
        >>> data = Samples(x, (x[:, 0] > 0).long())
        >>> tuned = tune(lrp.trace(model, x[:1]), data, data, epochs=2, progress=False)
        >>> tuned.held_out[-1] < tuned.held_out[0]
        True
        >>> model.load_state_dict(tuned.params)
        <All keys matched successfully>
    """
    names = [
        name for name, node in graph.parameters.items() if node.meta.get("learned") and (only is None or only(name))
    ]
    if not names:
        raise ValueError("no parameter is to be tuned: the graph has none that was learned, or `only` takes none")
    batches = [data.rows(rows) for rows in torch.arange(len(data)).split(batch_size)]
    start = {name: value.detach().clone() for name, value in graph.params.items()}
    parts = [scaled(term, start, batches) for term in terms]
    plain = classification(graph)

    def total(params: Mapping[str, Tensor], batch: Samples, generator: torch.Generator) -> Tensor:
        return plain(params, batch, generator) + weight * sum(part(params, batch, generator) for part in parts)

    def evaluated(params: Mapping[str, Tensor]) -> float:
        generator = torch.Generator().manual_seed(EVALUATED_WITH)
        pieces = [held_out.rows(rows) for rows in torch.arange(len(held_out)).split(batch_size)]
        values = [float(total(params, piece, generator).detach()) * len(piece) for piece in pieces]
        return sum(values) / len(held_out)

    params = start | {name: start[name].clone().requires_grad_() for name in names}
    steps = optimizer([params[name] for name in names])
    generator = torch.Generator().manual_seed(seed)
    history, best = [evaluated(start)], start
    key = _key(start, data, (weight, names, batch_size, seed, len(parts), repr(optimizer)))
    file = None if path is None else Path(path)
    if file is not None and file.exists():
        state = _read(file, key)
        history, best = state["history"], start | state["best"]
        with torch.no_grad():
            for name in names:
                params[name].copy_(state["now"][name])
        steps.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
    bar = tqdm(range(len(history), epochs + 1), desc="correct", unit="epoch", disable=None if progress else True)
    for _ in bar:
        if len(history) - 1 - min(range(len(history)), key=history.__getitem__) >= patience:
            break
        for rows in torch.randperm(len(data), generator=generator).split(batch_size):
            steps.zero_grad()
            total(params, data.rows(rows), generator).backward()
            steps.step()
        now = start | {name: params[name].detach().clone() for name in names}
        history.append(evaluated(now))
        best = now if history[-1] == min(history) else best
        bar.set_postfix(held_out=f"{history[-1]:.3f}")
        if file is not None:
            state = {"history": history, "now": now, "optimizer": copy.deepcopy(steps.state_dict())}
            _write(file, {"key": key, "best": {n: best[n] for n in names}, "generator": generator.get_state(), **state})
    return Tuned(best, tuple(history))


def _key(params: Mapping[str, Tensor], data: Samples, settings: object) -> str:
    """What a run is of, in short."""
    state = hashlib.sha256(repr(settings).encode())
    for value in (*params.values(), data.x, data.y):
        state.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


def _read(file: Path, key: str) -> dict[str, Any]:
    try:
        state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)
        found = state["key"]
    except Exception as error:
        raise ProjectError(f"{file} is no state of a correction ({error}): give another file") from error
    if found != key:
        raise ProjectError(
            f"{file} is of another run (other weights, data or settings): delete it, or give another file"
        )
    return state


def _write(file: Path, state: Mapping[str, Any]) -> None:
    with replacing(file) as temporary:
        torch.save(dict(state), temporary)
