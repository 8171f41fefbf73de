"""JSON lines: a text a line, with its label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lrp.dataset.reading.budget import within
from lrp.dataset.reading.labels import classes_of
from lrp.dataset.reading.readers.texts import Text, Texts, Tokenizer

OBJECTS = 16  # bytes that Python needs at most for one of a file, nearly always


def open_lines(
    file: Path,
    *,
    text: str = "text",
    label: str | None = None,
    tokens: str | None = None,
    beside: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
    length: int | None = None,
    pad: int | None = None,
) -> Texts:
    """A file with an object a line.

    Args:
        text: The field of the text; without a tokenizer, of a list of the numbers of its tokens.
        label: The field of the class, a number or a name; of a list of them where texts may have several.
        tokens: The field of a list of the tokens, for people to read; by default they are shown as their numbers.
        beside: Fields that travel along.
        tokenizer: See `Tokenizer`.
        length, pad: See `Reading`.

    Raises:
        ValueError: A line is no object, or lacks a field; the message names the line.
    """
    within(OBJECTS * file.stat().st_size, file)
    with file.open(encoding="utf-8") as lines:
        rows = [(f"{file.name}: line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    wanted = [name for name in (text, label, tokens, *beside) if name is not None]
    found = [(where, _object(where, line, wanted)) for where, line in rows]
    if not found:
        raise ValueError(f"{file} holds no line")
    labels, classes = [-1] * len(found), []
    if label is not None:
        labels, classes = classes_of([row[label] for _, row in found], lambda at: found[at][0])
    texts = [
        Text(where, row[text], None if tokens is None else row[tokens], one, {name: row[name] for name in beside})
        for (where, row), one in zip(found, labels, strict=True)
    ]
    return Texts(texts, classes, tokenizer=tokenizer, length=length, pad=pad)


def _object(where: str, line: str, wanted: Sequence[str]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f'{where} is a {type(row).__name__}: one object a line, such as {{"text": ...}}')
    for name in wanted:
        if row.get(name) is None:
            raise ValueError(f"{where} has no {name!r}; it has {', '.join(map(str, row)) or 'nothing'}")
    return row
