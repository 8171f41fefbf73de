"""`families`: every family without a line of code for it: finite, the audit closed, another batch and length in the
same trace."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

import lrp
from bench.transformers.checks import CLOSED, OFF, Row, strongest
from bench.transformers.models import FAMILIES, Family, Inputs
from lrp.explain.target import seed_of
from lrp.graph.export.errors import TraceError


def explained(family: Family, dtype: torch.dtype, epsilon: float) -> tuple[lrp.Explainer, Any, bool]:
    """An explainer, the model, and whether all lengths go through it."""
    model = family.built(dtype)
    with torch.no_grad():
        model(**family.example(2, 9, dtype))  # some write into their weights at the first prediction (RWKV)
    rows = family.rows(epsilon=epsilon)
    try:
        free = {1: "length"} if family.free else None
        example = family.example(2, 12, dtype)
        return lrp.explainer(model, example, rows, output=family.output, free=free), model, True
    except (TraceError, NotImplementedError) as error:
        if not family.free or "ties" not in str(error):
            raise
        return lrp.explainer(model, family.example(2, 9, dtype), rows, output=family.output), model, False


def measure(name: str, dtype: torch.dtype) -> Row:
    """One family, explained with its rows in a batch of 3 texts of 9 tokens by a trace of 2 texts of 12."""
    family, start = FAMILIES[name], time.perf_counter()
    try:
        explain, model, lengths = explained(family, dtype, 1e-12 if dtype == torch.float64 else 1e-9)
        made = time.perf_counter() - start
        x = family.example(3, 9, dtype)
        with torch.no_grad():
            wanted = model(**x)[family.output]
        output, relevance = explain(x, strongest)
        account = lrp.audit(explain.program, explain.weights, x, seed_of(output, strongest))
    except Exception as error:
        return Row(name, "failed", f"{type(error).__name__}: {error}".splitlines()[0], time.perf_counter() - start)
    finally:
        gc.collect()
    off = float((output - wanted).abs().max() / wanted.abs().max())
    residual = float((abs(account.residual) / account.scale).max())
    found = [part for part in relevance.values() if part is not None]
    finite = all(bool(part.isfinite().all()) for part in found) and bool(sum(part.abs().sum() for part in found))
    right = finite and residual <= CLOSED[dtype] and off <= OFF[dtype]
    length = "" if lengths else "; its code fixes the length"
    said = f"output {off:.0e}, audit {residual:.0e}, made in {made:.1f} s{length}"
    return Row(name, "right" if right and lengths else "fixed" if right else "wrong", said, time.perf_counter() - start)


def run(names: Sequence[str], dtype: torch.dtype) -> Iterator[str]:
    """A line a family, and the count."""
    rows = []
    for name in names or FAMILIES:
        rows.append(measure(name, dtype))
        yield str(rows[-1])
    count = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("right", "fixed", "wrong", "failed")}
    yield f"{len(rows)} families in {dtype}: " + ", ".join(f"{n} {verdict}" for verdict, n in count.items())


def embedded(model: Any, x: Inputs) -> Inputs:
    """Tokens as their embeddings, which a gradient can be taken at."""
    found = {}
    for name, value in x.items():
        if name.endswith("input_ids"):
            table = model.get_input_embeddings()
            found[name.replace("input_ids", "inputs_embeds")] = table(value).detach()
        else:
            found[name] = value
    return found
