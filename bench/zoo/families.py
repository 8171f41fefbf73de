"""`timm`: the smallest model of each of its families, with random weights, on small random images.

A family is a module of timm.models. Each is right (see check.py), or misses rules, whose operators are listed, or is
not traced, or is wrong.
"""

from __future__ import annotations

import gc
import json
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

import lrp
from bench.networks import awaken
from bench.zoo.check import check
from lrp._torchvision import torchvision

SIZE = 96
"""Images are of this size where a model takes any, unless it says that it needs more."""
VERDICTS = ("right", "missing", "untraced", "wrong", "failed")


def smallest(timm: Any, family: str) -> str:
    """The model of fewest parameters, without memory for any."""
    return min(timm.list_models(module=family), key=lambda name: _parameters(timm, name))


def _parameters(timm: Any, name: str) -> float:
    try:
        with torch.device("meta"):
            return sum(p.numel() for p in timm.create_model(name, pretrained=False).parameters())
    except Exception:  # a model that cannot be made without memory is not the first choice
        return float("inf")


def built(timm: Any, name: str) -> tuple[nn.Module, torch.Tensor]:
    """A model that behaves like a trained one, and two images that it takes."""
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    config = model.pretrained_cfg
    whole: list[int] = config["input_size"]
    least = config.get("min_input_size") or (whole[0], SIZE, SIZE)
    size = whole if config.get("fixed_input_size") or not takes(model, least) else least
    awaken(model, torch.rand(4, *size))
    return model, torch.rand(2, *size)


def takes(model: nn.Module, size: Sequence[int]) -> bool:
    """Whether a model runs on images of this size: its windows must fit."""
    try:
        with torch.no_grad():
            model(torch.rand(1, *size))
    except (RuntimeError, AssertionError, ValueError):
        return False
    return True


def measure(timm: Any, name: str) -> dict[str, Any]:
    """The verdict on a model, and why."""
    start, composite = time.perf_counter(), lrp.composites.epsilon_plus()
    row: dict[str, Any] = {"model": name}
    try:
        model, x = built(timm, name)
        row["size"] = list(x.shape[1:])
        found = check(model, x, composite).found
        if not found.good:  # rounding, of values that cancel, or a fault: doubles tell them apart
            row["single"] = vars(found)
            found = check(model.double(), x.double(), composite).found
    except lrp.MissingRule as error:
        missing = Counter(re.findall(r"^  \S+: (\S+) in layer", str(error), re.MULTILINE))
        row |= {"verdict": "missing", "operators": dict(missing), "why": str(error)}
    except lrp.TraceError as error:
        row |= {"verdict": "untraced", "why": str(error)}
    except Exception as error:
        row |= {"verdict": "failed", "why": f"{type(error).__name__}: {error}"}
    else:
        row |= {"verdict": "right" if found.good else "wrong", **vars(found)}
    return row | {"seconds": time.perf_counter() - start}


def line(row: dict[str, Any]) -> str:
    if "residual" in row:
        numbers = f"output {row['output']:.1e}, residual {row['residual']:.1e}, row {row['row']:.1e}"
        said = ("" if row["finite"] else "not finite; ") + ("in doubles: " if "single" in row else "") + numbers
    elif "operators" in row:
        said = ", ".join(f"{name} ({count})" for name, count in row["operators"].items())
    else:
        said = row["why"].splitlines()[0][:200]
    return f"{row['family']:26} {row['model']:34} {row['verdict']:9} {row['seconds']:6.1f} s  {said}"


def run(families: list[str], out: Path | None) -> bool:
    """Print a line a family and the count; whether all are right."""
    torchvision()  # also where its operators do not load; timm imports it
    import timm  # pyright: ignore[reportMissingImports]

    rows: list[dict[str, Any]] = []
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
    for family in families or timm.list_modules():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # timm's own, of its models
            row = {"family": family} | measure(timm, smallest(timm, family))
        rows.append(row)
        print(line(row), flush=True)
        if out is not None:
            out.write_text(json.dumps(rows, indent=1))
        gc.collect()
    print("\n".join(summary(rows)))
    return all(row["verdict"] == "right" for row in rows)


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    count = Counter(row["verdict"] for row in rows)
    yield f"{len(rows)} families: " + ", ".join(f"{count[v]} {v}" for v in VERDICTS if count[v])
    needed: dict[str, list[str]] = {}
    for row in rows:
        for name in row.get("operators", ()):
            needed.setdefault(name, []).append(row["family"])
    for name, families in sorted(needed.items(), key=lambda item: -len(item[1])):
        yield f"no rule for {name} in {len(families)}: {', '.join(families)}"
