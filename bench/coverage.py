"""Every classification model of torchvision, traced, planned, explained and audited: one line each and a total.

`python -m bench.coverage`, random weights; `--help` lists the options. Images are as small as the model takes, which
changes nothing in the graph.
The audit residual is what the identity `sum R_input + sum absorbed = sum seed` is off by, relative to the sum of the
absolute terms, with R_input from the recorded program and absorbed from the plain loops, so that the two check each
other; the leak is what a node drops beside bias and stabilizer although its rule conserves. Both the worst of all
composites. `--record` names the composites to record a program for, which takes most of the time; the plain loops,
which a program is recorded from, explain by the others.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

import lrp
from bench.networks import network
from lrp._torchvision import torchvision
from lrp.testing import leaks
from lrp.transform.assignment import assign
from lrp.transform.passes import backward, forward, prepare

COMPOSITES = [name for name in lrp.composites.COMPOSITES if name.startswith("epsilon")] + ["excitation_backprop"]
SIZES = {"vit": 224, "maxvit": 224, "inception": 96, "alexnet": 96, "densenet": 64, "swin": 64}


def composite(name: str) -> lrp.Composite:
    rows = lrp.composites.COMPOSITES[name]
    return rows(low=-4.0, high=4.0) if name == "epsilon_gamma_box" else rows()


Explained = tuple[Any, Any, torch.Tensor, torch.Tensor]
"""Program, weights, output, relevance of the input."""


def by_program(graph: lrp.Graph, rows: lrp.Composite, x: torch.Tensor) -> Explained:
    program = lrp.relprop(graph, rows)
    weights = program.prepare(graph.params)
    output, pullback = program(weights, x)
    return program, weights, output.detach(), pullback(output.detach())


def by_loops(graph: lrp.Graph, rows: lrp.Composite, x: torch.Tensor) -> Explained:
    plan = assign(graph, rows)
    with torch.no_grad():
        weights = prepare(graph, plan, graph.params)
        env, bound = forward(graph, plan, weights, [x])
        (relevance,) = backward(graph, plan, weights, env, bound, env[graph.output])
    assert relevance is not None
    return SimpleNamespace(graph=graph, plan=plan), weights, env[graph.output], relevance


def measure(name: str, names: list[str], dtype: torch.dtype, device: str, recorded: list[str]) -> dict[str, Any]:
    """Seconds to trace and to explain (mean over composites), nodes, and the worst audit residual."""
    size = SIZES.get(name.split("_")[0].rstrip("0123456789"), 64)
    torch.manual_seed(0)
    model = network(name, torch.randn(4, 3, size, size), device, dtype)
    x = torch.randn(1, 3, size, size, dtype=dtype).to(device)
    start = time.perf_counter()
    graph = lrp.canonize(lrp.trace(model, x))
    traced = time.perf_counter() - start
    worst, leak, explaining, nodes, finite = 0.0, 0.0, 0.0, 0, True
    for rows in names:
        start = time.perf_counter()
        explain = by_program if rows in recorded else by_loops
        program, weights, output, relevance = explain(graph, composite(rows), x)
        finite &= bool(torch.isfinite(relevance).all())
        explaining += (time.perf_counter() - start) / len(names)
        account = lrp.audit(program, weights, x, output)
        off = float(relevance.double().sum()) - float(account.input.sum())
        residual = float((abs(account.residual + off) / account.scale).max(skipna=False))
        worst = max(worst, residual) if math.isfinite(residual) else math.inf
        leak = max(leak, float(leaks(account).max()))
        nodes = len(program.plan.rules)
        del program, weights, output, relevance, account
        gc.collect()
    return {
        "model": name,
        "trace_s": traced,
        "explain_s": explaining,
        "nodes": nodes,
        "residual": worst,
        "leak": leak,
        "finite": finite,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["*"], help="globs of model names (default: all)")
    parser.add_argument("--composites", nargs="+", default=COMPOSITES, choices=COMPOSITES, metavar="NAME")
    parser.add_argument("--double", action="store_true", help="float64 instead of float32")
    parser.add_argument("--record", nargs="*", default=COMPOSITES, metavar="NAME", help="(default: all)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON, kept line by line")
    given = parser.parse_args()
    limit, dtype = (1e-10, torch.float64) if given.double else (1e-5, torch.float32)
    every = torchvision().models.list_models(module=torchvision().models)
    chosen = [m for m in every if any(fnmatch.fnmatchcase(m, glob) for glob in given.models)]
    rows, failed = [], []
    print(f"{'model':24} {'trace s':>8} {'explain s':>9} {'nodes':>6} {'residual':>9} {'leak':>8}")
    for name in chosen:
        try:
            row = measure(name, given.composites, dtype, given.device, given.record)
        except Exception as error:
            row = {"model": name, "error": f"{type(error).__name__}: {error}"}
        good = "error" not in row and row["finite"] and row["residual"] < limit
        rows.append(row)
        failed += [] if good else [name]
        if "error" in row:
            print(f"{name:24} {row['error'].splitlines()[0][:160]}", flush=True)
        else:
            flag = "" if good else "  <-- not good"
            times = f"{row['trace_s']:8.2f} {row['explain_s']:9.2f}"
            print(f"{name:24} {times} {row['nodes']:6} {row['residual']:9.1e} {row['leak']:8.1e}{flag}", flush=True)
        if given.out:
            given.out.write_text(json.dumps(rows, indent=1))
    print(f"{len(chosen) - len(failed)} of {len(chosen)} models explained by {len(given.composites)} composites, "
          f"finite and audited below {limit:g} in {dtype}")  # fmt: skip
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
