"""The token that a visitor shows: in the address once, in a cookie from then on."""

import hmac
import os
import re
import secrets
from collections.abc import Sequence
from urllib.parse import unquote_plus

from tornado.httputil import HTTPServerRequest

VARIABLE = "LRP_VIEWER_TOKEN"
NAME = "token"  # in the address
PLAIN = re.compile(r"[\w.~-]*", re.ASCII)


def checked(token: str | None) -> str:
    """A token that is the same in an address and in a cookie; the environment's where it is None; empty for none."""
    token = os.environ.get(VARIABLE, "") if token is None else token
    if not PLAIN.fullmatch(token):
        raise ValueError("a token is made of letters, digits and . _ ~ -")
    return token


def new() -> str:
    """A token that nobody guesses."""
    return secrets.token_hex(24)


def take(request: HTTPServerRequest, cookie: str) -> list[str]:
    """The tokens that a request shows, which are taken out of it: logs, sessions and pages must not repeat them."""
    shown = [_alone(value.decode("latin-1")) for value in request.arguments.pop(NAME, [])]
    request.query_arguments.pop(NAME, None)
    request.query = "&".join(part for part in request.query.split("&") if _name(part) != NAME)
    request.uri = request.path + (f"?{request.query}" if request.query else "")
    cookies = [part.strip().partition("=") for part in request.headers.get("Cookie", "").split(";")]
    others = "; ".join(f"{name}={value}" for name, _, value in cookies if name and name != cookie)
    if others:
        request.headers["Cookie"] = others
    elif "Cookie" in request.headers:
        del request.headers["Cookie"]
    return [*shown, *(value for name, _, value in cookies if name == cookie)]


def is_right(shown: Sequence[str], token: str) -> bool:
    """Whether one of the tokens shown is the one wanted, told in a time that says nothing about it."""
    return any(hmac.compare_digest(one.encode(), token.encode()) for one in shown)


def _alone(text: str) -> str:
    """The token of an address that ends in one, as people copy it.

    >>> _alone("http://localhost:5006/viewer?token=abc&view=compare"), _alone(" abc ")
    ('abc', 'abc')
    """
    return text.strip().rpartition(f"{NAME}=")[2].partition("&")[0]


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])
