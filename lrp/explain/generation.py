"""Why a language model wrote what it wrote: every generated token at once, by one prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrp._torch import pytree
from lrp.explain.one_call import Explainer
from lrp.graph.graph import Example


class Generated(NamedTuple):
    """Why each token was written.

    output: `(step, vocabulary)` logits that each generated token was chosen by.
    relevance: `(step, token)` of all tokens but the last, in the input's structure; from a step's own place on it is 0.
    """

    output: Tensor
    relevance: Any


def generated(explain: Explainer, ids: Tensor, start: int, **others: Tensor) -> Generated:
    """Explain each generated token of one text by all before it: relevance of its logit, which it starts with.

    A model that sees only what is before a place gives, for each token, the same as for the text that ends before it
    (a causal model's logits at a place do not depend on what follows). So one prediction and one pass back for all
    seeds at once do: time is that of some forward and backward passes, and not of one pair for each token.

    Args:
        explain: Of a model whose output is `(batch, place, vocabulary)`, made with `free={1: "length"}` or for this
            length less one; its composite is for the model, such as `lrp.composites.attn_lrp()`.
        ids: `(token,)` or `(1, token)`: prompt and what was generated, as `model.generate` returns it.
        start: The first generated token: the length of the prompt.
        others: What else the model is given, by name, `(1, token)`, such as `attention_mask`.

    Returns:
        Logits and relevance by generated token.

    Raises:
        ValueError: There is nothing before `start`, or no token from there on; or the model does not have such an
            output, or sees what follows a place.

    Example:
        >>> import lrp
        >>> from torch import nn
        >>> class Next(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.embedding, self.head = nn.Embedding(9, 4), nn.Linear(4, 9)
        ...     def forward(self, input_ids):
        ...         return self.head(self.embedding(input_ids).cumsum(1))
        >>> ids = torch.tensor([3, 1, 4, 1, 5])
        >>> explain = lrp.explainer(Next().eval(), {"input_ids": ids[None]}, lrp.composites.attn_lrp(), free={1: "n"})
        >>> generated(explain, ids, start=2).relevance["input_ids"].shape  # of 3 tokens, by up to 4 before them
        torch.Size([3, 4])
    """
    text = ids if ids.ndim == 2 else ids[None]
    length = text.shape[1]
    if len(text) != 1 or not 0 < start < length:
        raise ValueError(
            "ids are one text of some tokens before start and some from there on, got "
            f"{tuple(ids.shape)} and start {start}"
        )
    x = _given(explain, text[:, :-1], {name: value[:, : length - 1] for name, value in others.items()})
    output, pullback = explain.program(explain.weights, x)
    if output.ndim != 3 or output.shape[1] != length - 1:
        raise ValueError(
            f"the output has shape {tuple(output.shape)}, not (batch, place, vocabulary) of {length - 1} places"
        )
    steps, places = (
        torch.arange(length - start, device=ids.device),
        torch.arange(start - 1, length - 1, device=ids.device),
    )
    chosen = text[0, start:]
    seeds = output.new_zeros(len(steps), *output.shape)
    seeds[steps, 0, places, chosen] = output[0, places, chosen]
    found = _each(explain, pullback, seeds)
    _check_causal(found, places)
    return Generated(output[0, places], found)


def _each(explain: Explainer, pullback: Callable[[Tensor], Any], seeds: Tensor) -> Any:
    """Relevance of the one text by each seed, `(step, token)` in the input's structure; vmap returns tensors only."""
    graph, signals = explain.program.graph, explain.program.plan.facts.signals

    def received(seed: Tensor) -> list[Tensor]:
        return [leaf[0] for leaf in pytree.tree_leaves(pullback(seed)) if leaf is not None]

    parts = iter(torch.func.vmap(received)(seeds))
    return pytree.tree_unflatten([next(parts) if node in signals else None for node in graph.inputs], graph.structure)


def _given(explain: Explainer, text: Tensor, others: dict[str, Tensor]) -> Example:
    names = explain.program.graph.structure
    if names.type is dict:
        (first,) = [name for name in names.context if name not in others] or [None]
        if first is None:
            raise ValueError("ids are none of the model's inputs, since all of them are given by name")
        return {first: text, **others}
    if others:
        raise ValueError(f"{', '.join(others)}: the explainer was made for inputs without names")
    return text


def _check_causal(found: Any, places: Tensor) -> None:
    """Refuse a model whose tokens see what follows: there a prefix alone is another text."""
    for part in pytree.tree_leaves(found):
        if not isinstance(part, Tensor):
            continue
        behind = torch.arange(part.shape[1], device=part.device) > places[:, None]
        shown = behind.reshape(*behind.shape, *[1] * (part.ndim - 2))
        if bool((torch.where(shown, part, 0) != 0).any()):
            raise ValueError(
                "the model sees tokens behind the place that it predicts at, so a generated token is not explained by "
                "what is before it alone: explain each prefix, explain(ids[:, :n], (n - 1, token))"
            )
