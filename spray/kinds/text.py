"""Texts: tokens in their order."""

from spray.kinds.kind import Kind

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
