"""Texts as samples: numbers of tokens for the model, and the tokens themselves for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lrp.dataset.reading.labels import Label

Tokenizer = Callable[[str], Any]
"""`text -> (ids, tokens)`, or what Hugging Face's tokenizers give: a mapping with `input_ids` and further inputs."""


class Text(NamedTuple):
    """One text, as it lies in a file."""

    where: str
    content: Any
    """A text; or a list of the numbers of its tokens, where there is no tokenizer."""
    tokens: Sequence[str] | None
    label: Label
    extra: Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """How texts become equally long.

    length: In tokens: what is longer is cut at its end, what is shorter is filled up with `pad` and has mask 0 there.
        None: all are as they are.
    pad: The number of the token that fills up. None: the tokenizer's `pad_token_id`.
    tokenizer: Its name.
    """

    length: int | None = None
    pad: int | None = None
    tokenizer: str = ""


class Texts(Dataset):
    """Texts of a file, tokenized as they are asked for; `token_text` and `mask` stand beside them."""

    def __init__(
        self,
        texts: Sequence[Text],
        classes: Sequence[str] = (),
        *,
        tokenizer: Tokenizer | None = None,
        length: int | None = None,
        pad: int | None = None,
    ):
        if length is not None and length < 1:
            raise ValueError(f"length must be positive, got {length}")
        self.texts, self.classes, self.tokenizer = texts, list(classes), tokenizer
        pad = getattr(tokenizer, "pad_token_id", None) if pad is None else pad
        self.reading = Reading(length, pad, getattr(tokenizer, "__qualname__", type(tokenizer).__qualname__))
        self.kind, self.axes, self.beside = "text", ("token",), {}
        self.samples = [(text.where, text.label) for text in texts]
        self.most_labels = most(text.label for text in texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[Tensor | dict[str, Tensor], Label, dict[str, Any]]:
        text = self.texts[index]
        inputs, tokens = tokenized(self.tokenizer, text)
        if not tokens:
            raise ValueError("it has no token: leave it out")
        length = self.reading.length or len(tokens)
        filled = {name: self._filled(values, name, length) for name, values in inputs.items()}
        mask = np.arange(length) < len(tokens)
        shown = np.array([*tokens[:length], *[""] * (length - len(tokens))], dtype=str)
        extra = {"token_text": shown, "mask": mask.astype(np.uint8), **text.extra}
        return next(iter(filled.values())) if len(filled) == 1 else filled, text.label, extra

    def _filled(self, values: Sequence[int], name: str, length: int) -> Tensor:
        pad = self.reading.pad if name == "input_ids" else 0  # masks and types: nothing is there
        if len(values) < length and pad is None:
            raise ValueError(f"it has {len(values)} tokens, length is {length}: say pad=, the token that fills up")
        return torch.tensor([*values[:length], *[pad or 0] * (length - len(values))], dtype=torch.long)


def tokenized(tokenizer: Tokenizer | None, text: Text) -> tuple[dict[str, list[int]], list[str]]:
    """Inputs of the model by name, `input_ids` first, and the tokens.

    Raises:
        ValueError, TypeError: The tokenizer gives something else, or numbers and tokens are not as many.

    Example:
        >>> tokenized(lambda text: (range(len(text)), list(text)), Text("line 1", "ab", None, -1, {}))
        ({'input_ids': [0, 1]}, ['a', 'b'])
    """
    if tokenizer is None:
        inputs = {"input_ids": _numbers(text.content, "")}
        tokens = list(map(str, inputs["input_ids"] if text.tokens is None else text.tokens))
    elif not isinstance(text.content, str):
        raise ValueError(f"a tokenizer reads texts, this is a {type(text.content).__name__}")
    else:
        inputs, tokens = _given(tokenizer, tokenizer(text.content))
    for name, values in inputs.items():
        if len(values) != len(tokens):
            raise ValueError(f"it has {len(tokens)} tokens and {len(values)} numbers of {name}: one for each token")
    return inputs, tokens


def _given(tokenizer: Tokenizer, found: Any) -> tuple[dict[str, list[int]], list[str]]:
    if isinstance(found, Mapping) and "input_ids" in found:
        inputs = {str(name): _numbers(values, name) for name, values in found.items()}
        ids = inputs.pop("input_ids")
        named = getattr(tokenizer, "convert_ids_to_tokens", None)
        if named is None:
            raise TypeError("the tokenizer gives input_ids and has no convert_ids_to_tokens: return (ids, tokens)")
        return {"input_ids": ids, **inputs}, list(map(str, named(ids)))
    if isinstance(found, tuple) and len(found) == 2:
        return {"input_ids": _numbers(found[0], "ids")}, list(map(str, found[1]))
    raise TypeError(
        f"the tokenizer gave a {type(found).__name__}: return (ids, tokens), or a mapping with input_ids as "
        "Hugging Face's tokenizers do"
    )


def _numbers(values: Any, name: str) -> list[int]:
    found = np.asarray(values)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        what = "a text: say tokenizer=" if isinstance(values, str) else f"{found.dtype} of shape {found.shape}"
        raise ValueError(f"{name or 'the tokens'}: {what}; asked for is one whole number a token")
    return [int(value) for value in found]


def most(labels: Any) -> int | None:
    """The most labels that a sample has; None where each has one."""
    sizes = [len(label) for label in labels if isinstance(label, frozenset)]
    return max(sizes) if sizes else None
