"""What a recipe is: a table of steps, run from top to bottom."""

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import xarray as xr

from spray.memo import stage_name

Stage = Callable[..., Any]
Memo = Callable[[Stage], Stage]
BLOCK = 1 << 28  # bytes of attributions in memory at once


class Step(NamedTuple):
    """`name` is what `stage` makes of the values named in `inputs` ("attributions.relevance": a variable of one)."""

    name: str
    stage: Stage
    inputs: tuple[str, ...]
    per_sample: bool = False  # looks at each sample alone, so it may run on blocks of samples
    remember: bool = True  # worth an entry of the memo

    def __str__(self) -> str:
        given = ", ".join([*self.inputs, *(f"{k}={_short(v)}" for k, v in parameters(self.stage).items())])
        return f"{self.name} = {stage_name(self.stage)}({given})"


@dataclass(frozen=True)
class Recipe:
    """Steps in order, and the names of those whose values make the result."""

    name: str
    steps: tuple[Step, ...]
    result: tuple[str, ...]

    def __call__(
        self,
        attributions: xr.Dataset,
        *,
        memo: Memo = lambda stage: stage,
        report: Callable[[str], None] = lambda _: None,
    ) -> xr.Dataset:
        values: dict[str, Any] = {"attributions": attributions}
        first = list(itertools.takewhile(lambda step: step.per_sample, self.steps))
        if first:
            report(first[-1].name)
            values[first[-1].name] = _in_blocks(first, attributions)
        for step in self.steps[len(first) :]:
            report(step.name)
            stage = memo(step.stage) if step.remember else step.stage
            values[step.name] = _recorded(stage(*(_look_up(values, name) for name in step.inputs)), step)
        return assemble([values[name] for name in self.result])

    def __str__(self) -> str:
        return "\n".join([f"{self.name}:", *(f"  {step}" for step in self.steps), f"  -> {', '.join(self.result)}"])


def parameters(stage: Stage) -> dict[str, Any]:
    """The parameters given to a stage."""
    return dict(stage.keywords) if isinstance(stage, functools.partial) else {}


def _in_blocks(steps: list[Step], attributions: xr.Dataset) -> Any:
    """The last value of `steps` that look at each sample alone; what is on disk is never in memory at once."""
    n = attributions.sizes["sample"]
    names = {name.partition(".")[2] for step in steps for name in step.inputs if name.startswith("attributions.")}
    bytes_each = max([1, *(attributions[name].nbytes // max(n, 1) for name in names if name in attributions)])
    blocks = []
    for start in range(0, max(n, 1), max(1, BLOCK // bytes_each)):
        block = attributions.isel(sample=slice(start, start + max(1, BLOCK // bytes_each)))
        values: dict[str, Any] = {"attributions": block}
        for step in steps:
            inputs = [_look_up(values, name) for name in step.inputs]
            values[step.name] = _recorded(step.stage(*inputs), step)
        blocks.append(values[steps[-1].name])
    return blocks[0] if len(blocks) == 1 else xr.concat(blocks, "sample", join="exact", combine_attrs="override")


def _look_up(values: Mapping[str, Any], name: str) -> Any:
    source, _, variable = name.partition(".")
    if variable and variable not in values[source]:
        raise ValueError(f"{source} has no variable {variable!r}, it has {', '.join(map(str, values[source]))}")
    # loaded once here: data on disk would be read again at every use
    return values[source][variable].load() if variable else values[source]


def _recorded(value: Any, step: Step) -> Any:
    """The value of a step; its variables say how they came about, and a map is named like its step."""
    facts = {"stage": stage_name(step.stage), "base": ", ".join(step.inputs), "parameters": _bound(step.stage)}
    if isinstance(value, xr.DataArray):
        # maps of other than two dimensions do not share the dimension of those that have two
        own = {"axis": f"{step.name}_axis"} if value.sizes.get("axis", 2) != 2 else {}
        return value.rename(own).rename(step.name).assign_attrs(facts)
    if isinstance(value, xr.Dataset):
        return value.assign({name: array.assign_attrs(facts) for name, array in value.data_vars.items()})
    return value


def _bound(stage: Stage) -> str:
    """All parameters of a stage with their defaults, as JSON."""
    found = {p.name: p.default for p in inspect.signature(stage).parameters.values() if p.default is not p.empty}
    return json.dumps(found, default=_short)


def _short(value: Any) -> str:
    return getattr(value, "__qualname__", None) or repr(value)


def assemble(values: Iterable[Any]) -> xr.Dataset:
    """One dataset of everything; scalars become its attributes."""
    parts = [value.to_dataset() if isinstance(value, xr.DataArray) else value for value in values]
    scalars = {str(k): v.item() for part in parts for k, v in part.data_vars.items() if not v.dims}
    parts = [part.drop_vars([k for k, v in part.data_vars.items() if not v.dims]) for part in parts]
    merged = xr.merge(parts, join="exact", compat="no_conflicts", combine_attrs="override")
    return merged.drop_attrs(deep=False).assign_attrs(scalars)
