"""Filters as a person types them: `marked=1 confidence>0.9 file~scan_1 17`. All have to pass.

A variable, how to compare, a value; `=` takes several, `label=3|7`. A word alone is searched for: a sample's id, or a
part of any text. What has a blank in it stands between quotation marks.
"""

import re
import shlex
from typing import NamedTuple

WORD = re.compile(r"(.*?)(>=|<=|!=|=|>|<|~)(.*)", re.DOTALL)


class Filter(NamedTuple):
    """One filter; without a variable it searches all of them."""

    variable: str
    operator: str
    value: str


def parsed(text: str) -> tuple[Filter, ...]:
    """The filters of a text.

    Args:
        text: Words with blanks between.

    Returns:
        One for each word.

    Raises:
        ValueError: A quotation mark is missing, or a variable.

    Example:
        >>> parsed("'scan site'=A|B size>=10 dog")[:2]
        (Filter(variable='scan site', operator='=', value='A|B'), Filter(variable='size', operator='>=', value='10'))
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise ValueError("a quotation mark is missing") from error
    return tuple(_one(word) for word in words)


def _one(word: str) -> Filter:
    if not (match := WORD.fullmatch(word)):
        return Filter("", "~", word)
    if not match[1]:
        raise ValueError(f"{word!r} names no variable: write one before {match[2]}")
    return Filter(match[1], match[2], match[3])


def text(found: tuple[Filter, ...]) -> str:
    """The text of filters, which `parsed` reads again.

    >>> text(parsed("size>=10 'scan site'=A"))
    "size>=10 'scan site=A'"
    """
    return " ".join(_quoted(one) for one in found)


def _quoted(test: Filter) -> str:
    word = test.variable + (test.operator if test.variable else "") + test.value
    return shlex.quote(word) if re.search(r"""[\s'"]""", word) or not word else word


def added(old: str, new: str) -> str:
    """Another filter beside those that are there, once.

    >>> added("size>3", "marked=1"), added("marked=1", "marked=1")
    ('size>3 marked=1', 'marked=1')
    """
    return text(tuple(dict.fromkeys((*parsed(old), *parsed(new)))))


def without(old: str, gone: str) -> str:
    """All but one.

    >>> without("size>3 marked=1", "size>3")
    'marked=1'
    """
    return text(tuple(one for one in parsed(old) if one not in parsed(gone)))
