"""Colour maps as text: one table of names, and a small language for anyone's own.

A source is a name of `NAMES`, any Matplotlib name (`matplotlib:NAME` where a name exists twice), or a list of
colours with optional positions, `00f,80:fff,f00`: positions are one or two hexadecimal digits, colours three or six.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

__all__ = ["NAMES", "nodes", "palette"]

BUILTIN = {
    "gray": "000,fff",
    "wred": "fff,f00",
    "wblue": "fff,00f",
    "hot": "000,f00,ff0,fff",
    "cold": "000,00f,0ff",
    "coldnhot": "0ff,00f,80:000,f00,ff0,fff",
    "bwr": "00f,80:fff,f00",
    "france": "0055a4,80:fff,ef4135",
    "seismic": "0000d0,80:d0d0d0,d00000",
    "coolio": "00d0d0,80:d0d0d0,d000d0",
    "coleus": "00d000,80:d0d0d0,d000d0",
}

# ViRelAy's eight as (position, value) per channel on [0, 1]; `virelay-seismic` because `seismic` is another map above.
Ramp = tuple[tuple[float, ...], tuple[float, ...]]
_EVEN3, _EVEN5 = (0, 0.5, 1), (0, 0.25, 0.5, 0.75, 1)
RAMPS: dict[str, tuple[Ramp, Ramp, Ramp]] = {
    "gray-red": ((_EVEN3, (0, 0.8, 1)), (_EVEN3, (0, 0.8, 0)), (_EVEN3, (1, 0.8, 0))),
    "black-green": ((_EVEN3, (0, 0, 0)), (_EVEN3, (0, 0, 1)), (_EVEN3, (1, 0, 0))),
    "black-fire-red": (
        ((0, 0.25, 0.5, 0.625, 1), (1, 0, 0, 1, 1)),
        ((0, 0.25, 0.375, 0.625, 0.75, 1), (1, 1, 0, 0, 1, 1)),
        ((0, 0.375, 0.5, 0.75, 1), (1, 1, 0, 0, 1)),
    ),
    "black-yellow": ((_EVEN3, (0, 0, 1)), (_EVEN3, (0, 0, 1)), (_EVEN3, (1, 0, 0))),
    "blue-white-red": ((_EVEN3, (0, 1, 1)), (_EVEN3, (0, 1, 0)), (_EVEN3, (1, 1, 0))),
    "afm-hot": (((0, 0.5, 1), (0, 1, 1)), ((0, 0.25, 0.75, 1), (0, 0, 1, 1)), ((0, 0.5, 1), (0, 0, 1))),
    "jet": (
        ((0, 0.35, 0.66, 0.89, 1), (0, 0, 1, 1, 0.5)),
        ((0, 0.125, 0.375, 0.64, 0.91, 1), (0, 0, 1, 1, 0, 0)),
        ((0, 0.11, 0.34, 0.65, 1), (0.5, 1, 1, 0, 0)),
    ),
    "virelay-seismic": (
        (_EVEN5, (0, 0, 1, 1, 0.5)),
        (_EVEN5, (0, 0, 1, 0, 0)),
        (_EVEN5, (0.3, 1, 1, 0, 0)),
    ),
}

NAMES: tuple[str, ...] = (*BUILTIN, *RAMPS)
"""Every name that needs no Matplotlib."""

_TOKEN = re.compile(r"(?P<rgb>[0-9a-f]{6}|[0-9a-f]{3})|(?P<index>[0-9a-f]{1,2})|(?P<mark>[:,])|\s+|(?P<bad>.)", re.I)


class Token(NamedTuple):
    kind: str
    text: str
    at: int


def palette(source: str, level: float = 1.0) -> np.ndarray:
    """The (256, 3) uint8 colours of `source`; `level` > 1 reaches the ends earlier, < 1 leaves them unused.

    Args:
        source: See the module.
        level: 1 for the map as it is.

    Returns:
        Colours from the low end to the high one.

    Raises:
        ValueError: `source` is no colour map; the error says where.

    Example:
        >>> palette("bwr")[[0, 128, 255]].tolist()
        [[0, 0, 255], [255, 255, 255], [255, 0, 0]]
        >>> palette("bwr, f00")
        Traceback (most recent call last):
        ValueError: 'bwr, f00' is not a colour map: unexpected 'w'
          bwr, f00
           ^
    """
    where = np.clip((np.linspace(-1.0, 1.0, 256) * level + 1.0) / 2.0, 0.0, 1.0)
    return np.clip((_ramp(source)(where) * 255.0).round(12), 0.0, 255.0).astype(np.uint8)


@lru_cache(maxsize=256)
def _ramp(source: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function from [0, 1] to red, green, blue in [0, 1] that `source` names or writes out."""
    if source in RAMPS:
        channels = RAMPS[source]
        return lambda where: np.stack([np.interp(where, *channel) for channel in channels], axis=-1)
    if source in BUILTIN:
        return _interpolate(nodes(BUILTIN[source]))
    if source.startswith("matplotlib:"):
        return _matplotlib(source.removeprefix("matplotlib:"))
    try:
        return _interpolate(nodes(source))
    except ValueError as error:
        if not re.fullmatch(r"[A-Za-z]\w*", source):
            raise
        try:
            return _matplotlib(source)
        except ValueError as unknown:
            raise ValueError(f"{unknown}; and {error}") from None


def _interpolate(points: list[tuple[int, tuple[int, int, int]]]) -> Callable[[np.ndarray], np.ndarray]:
    positions = np.array([position for position, _ in points]) / 255.0
    colours = np.array([colour for _, colour in points]) / 255.0
    return lambda where: np.stack([np.interp(where, positions, channel) for channel in colours.T], axis=-1)


def _matplotlib(name: str) -> Callable[[np.ndarray], np.ndarray]:
    try:
        import matplotlib  # pyright: ignore[reportMissingImports]  # optional
    except ImportError:
        raise ValueError(
            f"{name!r} is none of {', '.join(NAMES)}; for Matplotlib's colour maps, pip install matplotlib"
        ) from None
    if name not in matplotlib.colormaps:
        raise ValueError(f"{name!r} is none of {', '.join(NAMES)}, and not a Matplotlib colour map")
    return lambda where: np.asarray(matplotlib.colormaps[name](where))[..., :3]


def nodes(source: str) -> list[tuple[int, tuple[int, int, int]]]:
    """The (position, colour) pairs that `source` writes out, positions filled in and reaching from 0 to 255.

    Args:
        source: Colours and positions as text.

    Returns:
        Pairs that ascend.

    Raises:
        ValueError: `source` cannot be read; the error says where.

    Example:
        >>> nodes("7:000, 9:ffffff")
        [(0, (0, 0, 0)), (119, (0, 0, 0)), (153, (255, 255, 255)), (255, (255, 255, 255))]
    """
    parsed = list(_parse(source, _tokens(source)))
    if len(parsed) < 2:
        raise _error(source, len(source), "two colours are the least")
    positions = _positions(source, parsed)
    colours = [_rgb(colour.text) for _, colour in parsed]
    inner = list(zip(positions, colours, strict=True))
    before = [(0, colours[0])] if positions[0] > 0 else []
    after = [(255, colours[-1])] if positions[-1] < 255 else []
    return before + inner + after


def _tokens(source: str) -> list[Token]:
    tokens = []
    for match in _TOKEN.finditer(source):
        if match.lastgroup == "bad":
            raise _error(source, match.start(), f"unexpected {match.group()!r}")
        if match.lastgroup:
            kind = match.group() if match.lastgroup == "mark" else match.lastgroup
            tokens.append(Token(kind, match.group(), match.start()))
    return [*tokens, Token("end", "", len(source))]


def _parse(source: str, tokens: list[Token]):
    """Yield (index token or None, rgb token) for `node ("," node)*` and one optional comma at the end."""
    at = 0
    while tokens[at].kind != "end":
        index = None
        if tokens[at].kind == "index":
            index = tokens[at]
            _expect(source, tokens[at + 1], ":")
            at += 2
        _expect(source, tokens[at], "rgb")
        yield index, tokens[at]
        at += 1
        if tokens[at].kind != "end":
            _expect(source, tokens[at], ",")
            at += 1


def _expect(source: str, token: Token, kind: str) -> None:
    wanted = {"rgb": "a colour of 3 or 6 hexadecimal digits", ":": "':'", ",": "','"}[kind]
    if token.kind != kind:
        raise _error(source, token.at, f"expected {wanted}, found {token.text or 'the end'!r}")


def _positions(source: str, parsed: list[tuple[Token | None, Token]]) -> list[int]:
    """Written positions, 0 and 255 at unwritten ends, and even steps (rounded down) in between."""
    known = {at: _index(index.text) for at, (index, _) in enumerate(parsed) if index}
    known = {0: 0, len(parsed) - 1: 255} | known
    positions = [known[0]]
    for left, right in pairwise(sorted(known)):
        if known[right] < known[left]:
            token = parsed[right][0] or parsed[left][0]
            raise _error(source, token.at if token else 0, "positions must ascend")
        count, span = right - left, known[right] - known[left]
        positions += [known[left] + span * step // count for step in range(1, count + 1)]
    return positions


def _index(text: str) -> int:
    return int(text * 2 if len(text) == 1 else text, 16)


def _rgb(text: str) -> tuple[int, int, int]:
    full = "".join(digit * 2 for digit in text) if len(text) == 3 else text
    return int(full[:2], 16), int(full[2:4], 16), int(full[4:], 16)


def _error(source: str, at: int, reason: str) -> ValueError:
    return ValueError(f"{source!r} is not a colour map: {reason}\n  {source}\n  {' ' * at}^")
