"""The results as a table against what was asked for, a page and a plot."""

from __future__ import annotations

import datetime
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Rows = list[dict[str, Any]]


def facts() -> dict[str, Any]:
    """Where and with what the results were made."""
    cpu = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "date": str(datetime.date.today()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": cpu[0] if cpu else platform.processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def save(path: Path, results: dict[str, Rows]) -> None:
    """Write all results, replacing rows of an earlier run that were measured again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {}
    for part, found in results.items():
        fresh = {_key(row) for row in found}
        kept[part] = sorted([row for row in kept.get(part, []) if _key(row) not in fresh] + found, key=_key)
    path.write_text(json.dumps(kept | {"facts": facts()}, indent=1) + "\n")


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(k) for k in ("model", "composite", "batch"))


def _find(rows: Rows, **wanted: Any) -> dict[str, Any] | None:
    return next((row for row in rows if all(row.get(k) == v for k, v in wanted.items())), None)


def _time_asks(model: str, composite: str, eager: float, compiled: float, peer: float) -> list[Any]:
    def ratio(one: str, other: str) -> Callable[[dict[str, Rows]], float | None]:
        def read(results: dict[str, Rows]) -> float | None:
            row = _find(results.get("times", []), model=model, composite=composite, batch=8)
            found = row["seconds"] if row else {}
            return found[one] / found[other] if one in found and other in found else None

        return read

    where = f"{composite}, {model}"
    return [
        (f"ours / gradient, {where}", "<=", eager, ratio("ours", "gradient")),
        (f"ours compiled / gradient, {where}", "<=", compiled, ratio("ours compiled", "gradient")),
        (f"Zennit / ours compiled, {where}", ">=", peer, ratio("Zennit", "ours compiled")),
    ]


def _setup(model: str) -> Callable[[dict[str, Rows]], float | None]:
    def read(results: dict[str, Rows]) -> float | None:
        found = [row["setup"] for row in results.get("times", []) if row["model"] == model]
        return statistics.median(found) if found else None

    return read


def _quotient(part: str, field: str, one: str, other: str) -> Callable[[dict[str, Rows]], float | None]:
    def read(results: dict[str, Rows]) -> float | None:
        rows = [row[field] for row in results.get(part, []) if one in row[field] and other in row[field]]
        return max((row[one] / row[other] for row in rows), default=None)

    return read


def _error(who: str) -> Callable[[dict[str, Rows]], float | None]:
    return _quotient("accuracy", "errors", who, "plain")


ASKED = [
    *_time_asks("vgg16", "epsilon_gamma_box", 1.7, 1.3, 6.5),
    *_time_asks("resnet50", "epsilon_gamma_box", 2.0, 1.6, 5.5),
    *_time_asks("vgg16", "epsilon_plus", 1.6, 1.4, 2.2),
    *_time_asks("resnet50", "epsilon_plus", 1.6, 1.4, 3.5),
    *_time_asks("vgg16", "epsilon_alpha2_beta1_flat", 2.4, 2.0, 2.8),
    *_time_asks("resnet50", "epsilon_alpha2_beta1_flat", 2.4, 2.0, 3.8),
    ("ten classes of one input, ours / gradients", "<=", 0.9, _quotient("classes", "seconds", "ours", "gradients")),
    ("ten classes of one input, Zennit / ours", ">=", 10.0, _quotient("classes", "seconds", "Zennit", "ours")),
    ("peak memory, ours / gradient, largest", "<=", 1.2, _quotient("memory", "megabytes", "ours", "gradient")),
    (
        "attribute_dataset, throughput / bare loop",
        ">=",
        0.9,
        _quotient("dataset", "seconds", "bare loop", "attribute_dataset"),
    ),
    ("setup of vgg16, seconds", "<=", 3.0, _setup("vgg16")),
    ("setup of resnet50, seconds", "<=", 5.0, _setup("resnet50")),
    ("setup of densenet121, seconds", "<=", 10.0, _setup("densenet121")),
    ("float32 error, fast / plain, largest", "<=", 2.0, _error("fast")),
    ("float32 error, compiled / plain, largest", "<=", 2.0, _error("compiled")),
]
"""What is measured, the bound that it should keep, and where to read it."""


def verdicts(results: dict[str, Rows]) -> list[tuple[str, str, str, str]]:
    """(what, asked, measured, verdict) for all that was measured."""
    table = []
    for what, sign, bound, read in ASKED:
        found = read(results)
        if found is not None:
            kept = found <= bound if sign == "<=" else found >= bound
            table.append((what, f"{sign} {bound:g}", f"{found:.2f}", "yes" if kept else "no"))
    return table


def times_table(results: dict[str, Rows]) -> list[tuple[str, ...]]:
    """(model, composite, batch, gradient s, then multiples of the gradient) of every row of times."""
    names = [
        "gradient channels last",
        "gradient in pieces",
        "gradient compiled",
        "ours",
        "ours compiled",
        "Zennit",
        "Captum",
    ]
    head = ("model", "composite", "batch", "gradient s", *names, "Zennit / ours", "memory", "setup s")
    table: list[tuple[str, ...]] = [head]
    for row in results.get("times", []):
        found, key = row["seconds"], {k: row[k] for k in ("model", "composite", "batch")}
        peaks = (_find(results.get("memory", []), **key) or {}).get("megabytes", {})
        table.append(
            (
                *map(str, key.values()),
                f"{found['gradient']:.2f}",
                *(_ratio(found, name, "gradient") for name in names),
                _ratio(found, "Zennit", "ours"),
                _ratio(peaks, "ours", "gradient"),
                f"{row['setup']:.1f}",
            )
        )
    return table


def _ratio(found: dict[str, float], one: str, other: str) -> str:
    return f"{found[one] / found[other]:.2f}" if one in found and other in found else ""


def errors_table(results: dict[str, Rows]) -> list[tuple[str, ...]]:
    """Errors in float32, relative to the largest relevance in float64."""
    names = ["plain", "fast", "compiled"]
    rows = results.get("accuracy", [])
    figures = [[f"{row['errors'][n]:.1e}" if n in row["errors"] else "" for n in names] for row in rows]
    return [("model", "composite", *names)] + [
        (row["model"], row["composite"], *shown) for row, shown in zip(rows, figures, strict=True)
    ]


def markdown(table: list[tuple[str, ...]]) -> str:
    head, *rest = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([head, "|" + "---|" * len(table[0]), *rest])


def plot(results: dict[str, Rows], path: Path) -> None:
    """Multiples of the gradient at the largest batch, a panel for each composite."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    times = results["times"]
    batch = max(row["batch"] for row in times)
    composites = list(dict.fromkeys(row["composite"] for row in times))
    colours = {"ours": "#0072b2", "ours compiled": "#56b4e9", "Zennit": "#d55e00", "Captum": "#e69f00"}
    series = {who: colour for who, colour in colours.items() if any(who in row["seconds"] for row in times)}
    figure, axes = plt.subplots(
        1, len(composites), figsize=(4 * len(composites), 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    models = list(dict.fromkeys(row["model"] for row in times if row["batch"] == batch))
    for axis, composite in zip(axes[0], composites, strict=True):
        rows = {row["model"]: row["seconds"] for row in times if (row["composite"], row["batch"]) == (composite, batch)}
        for offset, (who, colour) in enumerate(series.items()):
            here = [(models.index(m), t[who] / t["gradient"]) for m, t in rows.items() if who in t]
            places = [i + (offset - 1.5) * 0.2 for i, _ in here]
            axis.barh(places, [ratio for _, ratio in here], 0.2, color=colour)
        axis.axvline(1, color="#444444", linewidth=1)
        axis.set_yticks(range(len(models)), models)
        axis.set_title(composite, fontsize=10)
        axis.set_xlabel("time / time of the plain gradient")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].invert_yaxis()
    handles = [Patch(color=colour, label=who) for who, colour in series.items()]  # panels may lack a contestant
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def page(results: dict[str, Any], bounds: list[tuple[str, ...]], picture: str) -> str:
    """All of it in Markdown."""
    known = results["facts"]
    made = f"{known['date']}, PyTorch {known['torch']}, {known['processor']}, {known['threads']} threads"
    parts = [
        "# What an explanation costs",
        f"`python -m bench.attribution` wrote this page. {made}. Medians of runs in turns, random weights, images of "
        "224 x 224; times as multiples of the plain gradient's.",
        f"![Time of each method as a multiple of the plain gradient's, by model]({picture})",
        "## What was asked, and what was found",
        markdown(bounds),
        "## Times",
        markdown(times_table(results)),
        "Memory is the peak of a process of its own, as a multiple of the gradient's. Captum runs its nearest rules "
        "(gamma, alpha1-beta0), and only plain chains of modules. Ours computes with the channels last where most "
        "kernels are thin (ResNet-50); the gradient of a model that was put into that layout has a column of its own.",
        "## Errors",
        "Float32 against our own float64, relative to the largest relevance: by plain loops without short cuts, by the "
        "program, and by the compiled program.",
        markdown(errors_table(results)),
    ]
    return "\n\n".join(parts) + "\n"
