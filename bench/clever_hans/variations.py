"""The experiments and those with one choice changed, side by side: for understanding, never for a verdict."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from bench.clever_hans.criteria import fixed, verdicts

KEPT = {
    "accuracy_clean": "accuracy, no box",
    "accuracy": "accuracy, box on the other class",
    "turned": "turned by the box",
    "box_effect": "effect of the box",
    "share_boxed": "relevance in the box",
    "box_separability": "box told from attributions",
    "ami": "AMI, HDBSCAN",
    "ami_kmeans": "AMI, 2-means",
    "tau": "tau",
    "cluster_gap": "cluster gap",
}


def side_by_side(experiments: Mapping[str, xr.Dataset], variations: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """What is worth comparing, as (variation, class, seed, arm); the experiments themselves come first.

    `criteria (variation)` names the criteria that are met.
    """
    every = {**experiments, **variations}
    parts = [fixed(part)[list(KEPT)].sel(arm=["clean", "poisoned"]) for part in every.values()]
    parts = [part.drop_vars(["images", "neighbors", "components"]) for part in parts]
    merged = xr.concat(parts, "variation", join="outer", combine_attrs="drop_conflicts")
    met = [", ".join(v.name for v in verdicts(part) if v.met) for part in every.values()]
    return merged.assign_coords(variation=list(every), criteria=("variation", met))


def table(variations: xr.Dataset) -> str:
    """Control → poisoned, means over classes and seeds, as Markdown."""
    lines = [f"| | {' | '.join(KEPT.values())} | criteria met |", "|---" * (len(KEPT) + 2) + "|"]
    for name in variations.variation.values:
        row = variations.sel(variation=name)
        cells = [
            " → ".join(f"{round(row[key].sel(arm=arm).mean().item(), 2) + 0.0:.2f}" for arm in row.arm.values)
            for key in KEPT
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {row.criteria.item() or 'none'} |")
    return "\n".join(lines)
