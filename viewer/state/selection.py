"""A set of sample ids as one short text (for links and states), or as one bit a row (for the browser)."""

import base64
import binascii
import zlib
from functools import lru_cache

import numpy as np

EMPTY = np.empty(0, np.int64)
MOST_BYTES = 1 << 19  # that the bits of a text may unpack to: ids of 4 million samples in a row, 32 MB
MOST_TRIED = 20_000  # ids of which both texts are made: the gaps of 300 000 take a second to pack
MOST_GAPS = 8 << 20  # bytes likewise: a million ids, 8 MB


def encode(ids: np.ndarray) -> str:
    """Text of a set of ids: offset, then a bit for each id from there or the gaps between ids, whichever is shorter.

    >>> decode(encode(np.array([7, 3, 4])))
    array([3, 4, 7])
    """
    ids = np.asarray(ids, np.int64)
    if not len(ids):
        return ""
    if (np.diff(ids) <= 0).any():  # to see that nothing is to be sorted is ten times as fast as to sort
        ids = np.unique(ids)
    texts = []
    if int(ids[-1]) - int(ids[0]) < min(64 * len(ids), 8 * MOST_BYTES):
        bits = np.zeros(ids[-1] - ids[0] + 1, bool)
        bits[ids - ids[0]] = True
        texts.append(f"b{ids[0]}." + _pack(np.packbits(bits, bitorder="little").tobytes()))
    if not texts or len(ids) <= MOST_TRIED:
        texts.append(f"g{ids[0]}." + _pack(np.diff(ids.astype(np.uint64)).astype("<u8").tobytes()))
    return min(texts, key=len)


@lru_cache(maxsize=16)
def decode(text: str) -> np.ndarray:
    """Sorted ids of `encode`'s text; ValueError for any other text."""
    if not text:
        return EMPTY
    try:
        kind, (first, packed) = text[0], text[1:].split(".", 1)
        start, data = int(first), _unpack(packed, MOST_BYTES if kind == "b" else MOST_GAPS)
        if kind == "g":
            gaps = np.concatenate([np.zeros(1, "<u8"), np.frombuffer(data, "<u8")])
            ids = np.int64(start) + np.cumsum(gaps, dtype=np.uint64).view(np.int64)
        elif kind == "b":
            ids = np.int64(start) + np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little"))
        else:
            raise ValueError(kind)
    except (ValueError, OverflowError, zlib.error, binascii.Error):
        raise ValueError("this is not a selection of samples") from None
    ids = ids.astype(np.int64, copy=False)
    ids.flags.writeable = False
    return ids


def bits(mask: np.ndarray) -> str:
    """One bit a row, least significant first, as base64: what the browser reads and sends.

    >>> bits(np.array([True, False, True]))
    'BQ=='
    """
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode()


def mask(text: str, n: int) -> np.ndarray:
    """The `n` rows that `bits` wrote; ValueError if it was written for another number of rows."""
    data = base64.b64decode(text, validate=True)
    if len(data) != (n + 7) // 8:
        raise ValueError(f"a selection of {n} rows has {(n + 7) // 8} bytes, got {len(data)}")
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=n).astype(bool)


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


def _unpack(text: str, most: int) -> bytes:
    packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed, most)
    if unpacker.unconsumed_tail:
        raise ValueError("too long")
    return data
