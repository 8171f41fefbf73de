"""Texts: tokens in their order."""

from spray.kinds.kind import Kind

INVISIBLE = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Marks that turn the direction of what follows, beyond the text that they stand in."""


def plain(text: object) -> str:
    """A text that any page, drawing and terminal can hold: without control characters, lone surrogates and marks of
    direction.

    Args:
        text: Anything that can be written.

    Returns:
        What can be read of it.

    Example:
        >>> plain("a\\x1b[31mb")
        'a�[31mb'
    """
    found = str(text).translate(INVISIBLE).encode("utf-8", "replace").decode()
    return "".join(c if c in "\t\n" or is_shown(ord(c)) else "�" for c in found)


def is_shown(code: int) -> bool:
    """Whether a character is one that XML can hold, and no control.

    Args:
        code: Of Unicode.

    Returns:
        False of controls and of what is no character.
    """
    return code >= 32 and not 0x7F <= code <= 0x9F and not 0xFFFE <= code <= 0xFFFF


TEXT = Kind(
    "text",
    ("token",),
    aka={"word": "token"},
    recipe="text",
    said={
        "token_text": "(sample, token) the tokens themselves",
        "mask": "(sample, token) 1 where there is a token, 0 where a short text is filled up",
    },
)
