"""Of several texts: the words with most relevance, and how many of the texts have them."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas

from spray.pictures import Given
from spray.pictures.images import Look
from spray.pictures.text import listed
from viewer.pictures.reading import SPREAD, few, known, read, spread
from viewer.projects import Project
from viewer.state import decode

MOST_WORDS = 200  # that are kept of each set of texts


def word_list(project: Project, samples: str, minus: str, look: Look) -> bytes:
    """Words with most relevance, less their mean in other texts."""
    own, others = (by_word(project, look.method, part) for part in (samples, minus))
    found = [(word, value - others.get(word, (0.0, 0))[0], count) for word, (value, count) in own.items()]
    found.sort(key=lambda entry: -abs(entry[1]))
    return listed(found, len(decode(samples)), Given(None, None, look._replace(limit=None), (0, 1), {}))


@lru_cache(maxsize=64)
def by_word(project: Project, method: str, samples: str) -> Mapping[str, tuple[float, int]]:
    """Word -> its relevance, a mean over the texts, and in how many of them it is."""
    if not samples or "token_text" not in project.attributions.variables:
        return {}
    rows = known(project, spread(decode(samples), few(project, method, 2 * SPREAD)))
    texts, values = project.attributions["token_text"].isel(sample=rows).values, read(project, method, rows)
    text, place = np.nonzero(texts.astype(str) != "")
    word, words = pandas.factorize(texts[text, place].astype(object))
    sums = np.bincount(word, np.nan_to_num(values[text, place]), len(words)) / len(rows)
    having = np.bincount(np.unique(text * len(words) + word) % max(1, len(words)), minlength=len(words))
    best = np.argsort(-np.abs(sums), kind="stable")[:MOST_WORDS]
    return {str(words[at]): (float(sums[at]), int(having[at])) for at in best}
