"""`precision`: relevance of tokens in half precision, against float64 with the same weights; beside it gradient times
input with held factors as PyTorch computes it in that type (oracle.py), which is what LXT does."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.transformers.checks import strongest
from bench.transformers.models import Inputs, hf
from bench.transformers.oracle import gradient_x_input
from lrp.composites import attn_lrp

TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def bert(layers: int) -> nn.Module:
    """Weights N(0, 1/n), biases N(0, .1)."""
    config = hf.BertConfig(
        hidden_size=128, num_attention_heads=4, intermediate_size=512, num_hidden_layers=layers, vocab_size=2000,
        num_labels=3, max_position_embeddings=64,
    )  # fmt: skip
    torch.manual_seed(0)
    model = hf.BertForSequenceClassification(config).eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            weight.normal_(std=weight.shape[-1] ** -0.5)
        elif name.endswith("bias"):
            weight.normal_(std=0.1)
    return model


def by_token(relevance: Tensor) -> Tensor:
    return relevance.detach().double().sum(-1)


def errors(layers: int, dtype: torch.dtype, texts: int = 8, length: int = 24) -> tuple[float, float]:
    """Ours and PyTorch's, of the largest relevance of a token; the mean over texts."""
    low: Any = bert(layers).to(dtype)
    high = copy.deepcopy(low).double()
    torch.manual_seed(1)
    x: Inputs = {"inputs_embeds": low.get_input_embeddings()(torch.randint(5, 2000, (texts, length))).detach()}
    wide = {name: value.double() for name, value in x.items()}
    output, wanted = gradient_x_input(copy.deepcopy(high), wide, "logits")
    of = by_token(wanted["inputs_embeds"])

    def seed(found: Tensor) -> Tensor:  # the same class and the same value for all
        return strongest(output).to(found)

    def off(relevance: Tensor) -> float:
        return float(((by_token(relevance) - of).abs().amax(1) / of.abs().amax(1)).mean())

    own = lrp.explainer(low, x, attn_lrp(), output="logits")(x, seed).relevance["inputs_embeds"]
    found, theirs = gradient_x_input(copy.deepcopy(low), x, "logits")
    scale = (strongest(output) / strongest(found.double()).where(strongest(output) != 0, 1)).sum(1)
    return off(own), off(theirs["inputs_embeds"].double() * scale[:, None, None])


def run(names: Sequence[str]) -> Iterator[str]:
    """A line a type and depth."""
    for name in names or TYPES:
        for layers in (2, 12):
            ours, plain = errors(layers, TYPES[name])
            yield f"{name}, {layers:2} layers of BERT: error by token {ours:.1e}, of PyTorch's own gradient {plain:.1e}"
