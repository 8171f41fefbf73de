"""`randomization`: whether relevance of tokens depends on what a real MiniLM has learned.

Its layers are drawn anew from the top to the bottom (`lrp.evaluate.mprt`), and the maps compared with the first one by
Spearman's rank correlation: the mean over sentences and its standard error. All sentences are of one length, since
padding, which receives nothing, would be alike in all maps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.transformers.faithfulness import PAIRS, OfIds, minilm
from lrp.composites import attn_lrp, cp_lrp
from lrp.evaluate import emprt, mprt

COMPOSITES = {"attn_lrp": attn_lrp, "cp_lrp": cp_lrp}


class Likeness(OfIds):
    """How like a text is to one that is always the same."""

    fixed: Tensor

    def __init__(self, encoder: nn.Module, other: Tensor) -> None:
        super().__init__(encoder)
        self.register_buffer("fixed", other)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.similarity(attention_mask, self.fixed, input_ids=input_ids)


def texts(tokenizer: Any) -> dict[str, Tensor]:
    """The sentences of the most frequent length, as one batch."""
    by_length: dict[int, list[Tensor]] = defaultdict(list)
    for said, _ in PAIRS:
        ids = tokenizer(said, return_tensors="pt")["input_ids"]
        by_length[ids.shape[1]].append(ids)
    ids = torch.cat(max(by_length.values(), key=len))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def run(names: Sequence[str]) -> Iterator[str]:
    """A line a composite."""
    encoder, tokenizer = minilm()
    x = texts(tokenizer)
    with torch.no_grad():
        other = OfIds(encoder).pooled(**{name: value[:1] for name, value in x.items()})
    model = Likeness(encoder, nn.functional.normalize(other, dim=-1)).eval()
    x = {name: value[1:] for name, value in x.items()}
    for name in names or COMPOSITES:
        explain = lrp.explainer(model, x, COMPOSITES[name]())
        found = mprt(explain, x, torch.ones_like)
        count = len(found.layers)
        said = []
        for layers in (1, count // 2, count):
            alike = found.similarity[layers - 1].double()
            said.append(f"{layers} layers {float(alike.mean()):.2f} +- {float(alike.std() / len(alike) ** 0.5):.2f}")
        rise = float(emprt(found).mean())
        yield f"{name:20} {', '.join(said)}; entropy {rise:+.2f} ({len(x['input_ids'])} sentences)"
