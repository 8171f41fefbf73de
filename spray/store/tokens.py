"""Texts of different lengths in a rectangle: their tokens, and one number for each token."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spray.files import ProjectError


def texts(token: Sequence[Sequence[str]]) -> np.ndarray:
    """Tokens of each sample in a rectangle, "" behind the end.

    Raises:
        ProjectError: A sample is one text, not a list of tokens, or none has a token.

    Example:
        >>> texts([["a", "b"], ["c"]]).tolist()
        [['a', 'b'], ['c', '']]
    """
    if any(isinstance(tokens, str) for tokens in token):
        raise ProjectError("token holds a text where a list of tokens is asked for: split it as the model does")
    longest = max(map(len, token), default=0)
    if not longest:
        raise ProjectError("token has no token in any sample")
    return np.array([[*map(str, tokens), *[""] * (longest - len(tokens))] for tokens in token], dtype=str)


def filled(name: str, rows: Sequence[Any], lengths: Sequence[int]) -> np.ndarray:
    """Sequences of numbers in a rectangle, 0 behind the end of each.

    Raises:
        ProjectError: A sequence has another length than its text; the message names the sample.

    Example:
        >>> filled("relevance", [[1.0, 2.0], [3.0]], [2, 1]).tolist()
        [[1.0, 2.0], [3.0, 0.0]]
    """
    if len(rows) != len(lengths):
        raise ProjectError(f"{name} has {len(rows)} samples, token has {len(lengths)}")
    found = np.zeros((len(rows), max(lengths)), np.float32)
    for at, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        values = np.asarray(row)
        if values.shape != (length,):
            raise ProjectError(f"{name} of sample {at} has the shape {values.shape}, it has {length} tokens")
        found[at, :length] = values
    return found


def check_ends(name: str, values: np.ndarray, lengths: Sequence[int]) -> None:
    """Raise unless a rectangle of numbers fits the texts, and is 0 behind the end of each.

    Raises:
        ProjectError: It does not; the message names the samples.

    Example:
        >>> check_ends("relevance", np.ones((1, 3)), [3])
    """
    if values.shape != (len(lengths), max(lengths)):
        raise ProjectError(f"{name} has the shape {values.shape}, the tokens are {len(lengths)} x {max(lengths)}")
    behind = np.arange(values.shape[1]) >= np.asarray(lengths)[:, None]
    wrong = np.flatnonzero((behind & (values != 0)).any(1))
    if len(wrong):
        some = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        raise ProjectError(f"{name} has numbers behind the last token of the samples at {some}: tokens are missing")
