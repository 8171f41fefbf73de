"""Tokens as people read them: by the marks with which tokenizers say where a word begins or goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lrp.heatmap import Array

Bytes = bytes


class Piece(NamedTuple):
    """What is written in one go.

    text: As people read it.
    begins: Whether a word begins with it, so that a space is before it.
    special: Whether it stands for no text (`[CLS]`, `</s>`, padding).
    at: The tokens that it is made of: one, or those that share the bytes of a letter.
    """

    text: str
    begins: bool
    special: bool
    at: tuple[int, ...]


class Mark(NamedTuple):
    """How a kind of tokenizer writes its tokens.

    shows: What in a token shows that it is of this kind.
    read: token, whether the one before ends a word -> its text or bytes, whether it begins a word, whether it ends one.
    """

    shows: re.Pattern[str]
    read: Callable[[str, bool], tuple[str | Bytes, bool, bool]]


def _byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in byte-level BPE (Radford et al. 2019): printable ones for themselves, the
    others from U+0100 on, in their order."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


BYTES = _byte_letters()


def _byte_level(token: str, ended: bool) -> tuple[str | Bytes, bool, bool]:
    del ended
    if not all(letter in BYTES for letter in token):
        return token, False, False  # added to the vocabulary as it is
    found = bytes(BYTES[letter] for letter in token)
    return found.removeprefix(b" "), found.startswith(b" "), False


def _sentence_piece(token: str, ended: bool) -> tuple[str | Bytes, bool, bool]:
    del ended
    if byte := re.fullmatch(r"<0x([0-9A-F]{2})>", token):
        return bytes.fromhex(byte[1]), False, False
    return token.removeprefix("▁").replace("▁", " "), token.startswith("▁"), False


def _word_piece(token: str, ended: bool) -> tuple[str | Bytes, bool, bool]:
    del ended
    goes_on = token.startswith("##") and len(token) > 2
    return token[2:] if goes_on else token, not goes_on, False


def _word_end(token: str, ended: bool) -> tuple[str | Bytes, bool, bool]:
    return token.removesuffix("</w>"), ended, token.endswith("</w>")


def _goes_on(token: str, ended: bool) -> tuple[str | Bytes, bool, bool]:
    return token.removesuffix("@@"), ended, not token.endswith("@@")


def _whole(token: str, ended: bool) -> tuple[str | Bytes, bool, bool]:
    del ended
    return token, True, False


MARKS: dict[str, Mark] = {
    "byte level": Mark(re.compile(r"^[ĠĊĉ]|Ġ"), _byte_level),
    "sentence piece": Mark(re.compile(r"^▁|^<0x[0-9A-F]{2}>$"), _sentence_piece),
    "word end": Mark(re.compile(r".</w>$"), _word_end),
    "goes on": Mark(re.compile(r"[^@]@@$"), _goes_on),
    "word piece": Mark(re.compile(r"^##."), _word_piece),
    "none": Mark(re.compile(r"^(?!)"), _whole),
}
"""Kinds of tokenizers by their marks: Ġ (GPT-2, Llama 3), ▁ (T5, Llama 2), </w> (CLIP), @@ (fastBPE), ## (BERT), and
none, each token a word. The first that a token of the text shows is that of the text."""


def pieces(tokens: Sequence[str], *, special: Collection[str] = (), marks: str | None = None) -> list[Piece]:
    """Tokens as they are read: marks gone, bytes decoded, special tokens apart.

    Args:
        tokens: As the tokenizer calls them.
        special: Tokens that are no text: `tokenizer.all_special_tokens`.
        marks: One of `MARKS`; None for what the tokens themselves show.

    Raises:
        ValueError: There are no such marks.
        TypeError: A token is no text.

    Example:
        >>> [(p.text, p.begins) for p in pieces(["[CLS]", "un", "##believ", "##able"], special=["[CLS]"])]
        [('[CLS]', True), ('un', True), ('believ', False), ('able', False)]
        >>> [p.text for p in pieces(["Hi", "Ġ", "ðŁ", "ĺ", "Ģ"])]  # three tokens share an emoji's bytes
        ['Hi', '', '😀']
    """
    if wrong := [token for token in tokens if not isinstance(token, str)]:
        raise TypeError(f"tokens are texts, got {wrong[0]!r}; tokenizer.convert_ids_to_tokens(ids) gives them")
    if marks is not None and marks not in MARKS:
        raise ValueError(f"marks must be one of {', '.join(MARKS)}, got {marks!r}")
    apart = set(special)
    read = MARKS[marks or _shown([token for token in tokens if token not in apart])].read
    return list(_joined(_read(tokens, apart, read)))


def _shown(tokens: Sequence[str]) -> str:
    return next((name for name, mark in MARKS.items() if any(map(mark.shows.search, tokens))), "none")


def _read(tokens: Sequence[str], special: set[str], read: Any) -> Iterator[tuple[str | Bytes, bool, bool, int]]:
    ended = True
    for at, token in enumerate(tokens):
        if token in special:
            yield token, True, True, at
            ended = True
        else:
            text, begins, ended = read(token, ended)
            yield text, begins or at == 0, False, at


def _joined(found: Iterator[tuple[str | Bytes, bool, bool, int]]) -> Iterator[Piece]:
    """Bytes as text; those of one letter together, however many tokens they are in."""
    held, begins, at = b"", False, ()
    for text, begins_here, special, place in found:
        if isinstance(text, str) or (held and begins_here):
            if at:
                yield Piece(held.decode("utf-8", "replace"), begins, False, at)
            held, at = b"", ()
        if isinstance(text, str):
            yield Piece(text, begins_here, special, (place,))
            continue
        begins = begins if at else begins_here
        held, at = held + text, (*at, place)
        if not _is_cut(held):
            yield Piece(held.decode("utf-8", "replace"), begins, False, at)
            held, at = b"", ()
    if at:
        yield Piece(held.decode("utf-8", "replace"), begins, False, at)


def _is_cut(found: Bytes) -> bool:
    """Whether these bytes end inside a letter."""
    try:
        found.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def words(
    tokens: Sequence[str], relevance: Array, *, special: Collection[str] = (), marks: str | None = None
) -> tuple[list[str], np.ndarray]:
    """Whole words, and their relevance: the sum of their pieces'.

    Args:
        tokens, special, marks: As `pieces`.
        relevance: `(..., token)`.

    Returns:
        Words, special tokens among them, and relevance `(..., word)`, whose sum is that of the tokens.

    Raises:
        ValueError: As `pieces`; or there is not one number for each token.

    Example:
        >>> words(["un", "##able", "to"], np.array([1.0, 2.0, -1.0]))
        (['unable', 'to'], array([ 3., -1.]))
    """
    values, found = numbers(relevance, len(tokens)), pieces(tokens, special=special, marks=marks)
    groups: list[list[Piece]] = []
    for piece in found:
        alone = piece.special or (groups and groups[-1][-1].special)
        if not groups or piece.begins or alone:
            groups.append([])
        groups[-1].append(piece)
    texts = ["".join(piece.text for piece in group) for group in groups]
    places = [[at for piece in group for at in piece.at] for group in groups]
    return texts, summed(values, places)


def summed(values: np.ndarray, places: Sequence[Sequence[int]]) -> np.ndarray:
    """`(..., token)` added up to `(..., group)`."""
    columns = [values[..., list(at)].sum(-1) for at in places]
    return np.stack(columns, -1) if columns else values[..., :0]


def numbers(relevance: Array, count: int) -> np.ndarray:
    """Relevance as an array in double precision, of one number a token.

    Raises:
        ValueError: There are more or fewer numbers than tokens.
    """
    found = relevance.detach().cpu().double().numpy() if hasattr(relevance, "detach") else np.asarray(relevance)  # type: ignore[union-attr]
    if found.ndim not in (1, 2) or found.shape[-1] != count:
        raise ValueError(
            f"relevance of {count} tokens is ({count},), or (row, {count}) for several explanations of one text; "
            f"got {found.shape}"
        )
    return found.astype(np.float64)
