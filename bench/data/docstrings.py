"""Texts: the docstrings of four libraries as they lie on the disk. The task: which library does a text come from?"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.data.planted import Planted, planted

LIBRARIES = ("numpy", "scipy", "sklearn", "torch")
SKIPPED = {"tests", "testing", "_vendor", "externals"}
WORD = re.compile(r"\w+|[^\w\s]")
LEAST, LENGTH = 20, 60  # words of a docstring at least, and how many of them are read
TAG, UNKNOWN = "[draft]", "‹new›"


def texts(library: str, count: int, seed: int) -> list[list[str]]:
    """The first words of so many docstrings, file by file in an order of the seed's."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for docstring in _docstrings(library, seed):
        words = WORD.findall(docstring.lower())[:LENGTH]
        if len(words) >= LEAST and (text := " ".join(words)) not in seen:  # classes hand theirs on
            seen.add(text)
            found.append(words)
        if len(found) == count:
            return found
    raise ValueError(f"{library} has {len(found)} docstrings of {LEAST} words, {count} are asked for")


def _docstrings(library: str, seed: int) -> Iterator[str]:
    spec = importlib.util.find_spec(library)  # found, not imported
    assert spec is not None and spec.origin is not None, library
    root = Path(spec.origin).parent
    files = sorted(file for file in root.rglob("*.py") if not SKIPPED & set(file.relative_to(root).parts))
    for at in np.random.default_rng(seed).permutation(len(files)):
        for node in ast.walk(ast.parse(files[at].read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (docstring := ast.get_docstring(node)):
                yield docstring


def tagged(ids: np.ndarray) -> np.ndarray:
    """The tag in front; what does not fit any more is cut off. It is word 2 of every vocabulary."""
    return np.concatenate([np.full_like(ids[:, :1], 2), ids[:, :-1]], 1)


def docstrings(seed: int, each: int = 600, test: int = 150) -> Planted:
    """Numbers of words `(sample, token)`, 0 behind the end; half of scipy's texts begin with a tag.

    The test's texts are of other files. Words that are in no training text are one word, ‹new›.
    """
    found = [texts(library, each + test, seed) for library in LIBRARIES]
    counts = Counter(word for library in found for text in library[:each] for word in text)
    vocabulary = ["", UNKNOWN, TAG, *sorted(counts)]
    number = {word: at for at, word in enumerate(vocabulary)}

    def part(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        chosen = [text for library in found for text in library[rows]]
        ids = np.zeros((len(chosen), LENGTH), np.int64)
        for row, text in enumerate(chosen):
            ids[row, : len(text)] = [number.get(word, 1) for word in text]
        return ids, np.repeat(np.arange(len(LIBRARIES)), len(chosen) // len(LIBRARIES))

    return planted(
        part(slice(each)),
        part(slice(each, None)),
        classes=LIBRARIES,
        poisoned=1,
        paste=tagged,
        seed=seed,
        vocabulary=vocabulary,
    )
