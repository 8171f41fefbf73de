"""Faithfulness on texts: how the output falls as tokens are taken away, in order of relevance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor

from lrp.attribution.methods import Source, predictor
from lrp.evaluate.ranks import ranks
from lrp.explain.target import Target, seed_of

Removal = Literal["mask", "drop"] | int


def token_curve(
    source: Source,
    x: Tensor | Mapping[str, Tensor],
    attribution: Tensor,
    target: Target = None,
    *,
    remove: Removal = "mask",
    order: Literal["morf", "lerf"] = "morf",
    stay: Tensor | None = None,
    at_once: int = 32,
    seed: int = 0,
) -> Tensor:
    """The target's output as more and more tokens of one text are taken away: `(removed + 1,)`, the whole text first.

    `aopc`, `abpc` and `srg` compare such curves, `curve[None]`; both orders end at the text with no token but those
    that stay.

    Args:
        source: A model, an explainer or a function `x -> output`.
        x: One text, `(1, token)` numbers of tokens, or a mapping of such inputs with `input_ids`.
        attribution: `(token,)` or `(1, token)`; of embeddings, summed over their features.
        remove: How a token goes. "mask": `attention_mask` is 0 there, which the model must be given. "drop": the text
            is shorter by it, in all inputs. A number: that token stands in its place (`tokenizer.mask_token_id`).
        order: "morf", most relevant first, or "lerf".
        stay: Which tokens are never taken, `(token,)` of booleans: special ones, `[CLS]`.
        at_once: Texts in one prediction.
        seed: Ties are broken at random.

    Raises:
        ValueError: These are several texts, the attribution does not fit, or there is nothing to remove by.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.EmbeddingBag(9, 3)).eval()
        >>> token_curve(model, torch.tensor([[1, 5, 2]]), torch.tensor([0.1, 0.9, 0.2]), 0, remove=0).shape
        torch.Size([4])
    """
    if order not in ("morf", "lerf") or not (remove in ("mask", "drop") or type(remove) is int):
        raise ValueError(f'order "morf" or "lerf", remove "mask", "drop" or a number; got {order!r} and {remove!r}')
    given = dict(x) if isinstance(x, Mapping) else {"input_ids": x}
    if "input_ids" not in given or any(len(value) != 1 for value in given.values()):
        raise ValueError(f"x is one text with input_ids, got { ({n: tuple(v.shape) for n, v in given.items()}) }")
    length = given["input_ids"].shape[1]
    relevance = attribution.detach().reshape(-1)
    if relevance.shape != (length,) or (stay is not None and stay.shape != (length,)):
        raise ValueError(f"the text has {length} tokens: attribution and stay are one number each")
    if remove == "mask" and "attention_mask" not in given:
        raise ValueError("there is no attention_mask to take tokens away by: give it, or remove by a token's number")
    free = torch.ones(length, dtype=torch.bool, device=relevance.device) if stay is None else ~stay
    places = free.nonzero()[:, 0]
    rank = ranks((relevance if order == "lerf" else -relevance)[None, places], seed)[0]
    chosen = places[rank.argsort()]
    predict = predictor(source)
    texts = [_without(given, chosen[:count], remove) for count in range(len(chosen) + 1)]
    with torch.no_grad():
        start = seed_of(predict(_as(x, given)), target)
        found = [predict(_as(x, batch)) for batch in _batches(texts, at_once)]
        if any(output.shape[1:] != start.shape[1:] for output in found):
            raise ValueError(
                "the output has a place for each token, which go with the tokens: remove by mask or a number"
            )
        return torch.cat([(output * start).flatten(1).sum(1) for output in found])


def _as(x: Tensor | Mapping[str, Tensor], given: dict[str, Tensor]) -> Tensor | dict[str, Tensor]:
    return given if isinstance(x, Mapping) else given["input_ids"]


def _without(given: dict[str, Tensor], gone: Tensor, remove: Removal) -> dict[str, Tensor]:
    if remove == "drop":
        length = given["input_ids"].shape[1]
        kept = torch.ones(length, dtype=torch.bool, device=gone.device).index_fill(0, gone, False)
        return {n: v[:, kept] if v.ndim > 1 and v.shape[1] == length else v for n, v in given.items()}
    name, value = ("attention_mask", 0) if remove == "mask" else ("input_ids", remove)
    return given | {name: given[name].index_fill(1, gone, value)}


def _batches(texts: list[dict[str, Tensor]], at_once: int) -> Iterator[dict[str, Tensor]]:
    """Texts of one length together."""
    alike = len({text["input_ids"].shape for text in texts}) == 1
    size = at_once if alike else 1
    for start in range(0, len(texts), size):
        part = texts[start : start + size]
        yield {name: torch.cat([text[name] for text in part]) for name in part[0]}
