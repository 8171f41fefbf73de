"""Who wrote a memo entry: a project may come from a stranger, and what it remembers is believed only if it is ours."""

import hashlib
import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from spray.files import claim, replacing

SIZE = 32


def seal(header: bytes, arrays: Iterable[memoryview]) -> str:
    """A keyed digest (BLAKE2b) that nobody can make who does not have this user's key.

    Args:
        header: Bytes in front.
        arrays: Bytes behind, each with its length.

    Returns:
        Hexadecimal digits.

    Example:
        >>> seal(b"a", []) == seal(b"a", []), seal(b"a", []) == seal(b"b", [])
        (True, False)
    """
    state = hashlib.blake2b(key=_key(), digest_size=32)
    for block in (memoryview(header), *arrays):
        state.update(block.nbytes.to_bytes(8, "little"))
        state.update(block)
    return state.hexdigest()


def folder() -> Path:
    """Where this user's key lies: `$XDG_STATE_HOME/lrp-spray`, else `~/.local/state/lrp-spray`."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "lrp-spray"


@lru_cache(maxsize=1)
def _key() -> bytes:
    """The key, made when it is first needed; where it cannot be kept, entries are of use to this process alone."""
    try:
        return _kept(folder() / "memo.key")
    except (OSError, RuntimeError, ValueError):  # RuntimeError: there is no home
        return secrets.token_bytes(SIZE)


def _kept(file: Path) -> bytes:
    if (found := _read(file)) is not None:
        return found
    file.parent.mkdir(parents=True, exist_ok=True)
    with claim(file.with_suffix(".lock")):
        if (found := _read(file)) is not None:  # another process was faster
            return found
        with replacing(file) as temporary:
            temporary.chmod(0o600)
            temporary.write_bytes(key := secrets.token_bytes(SIZE))
        return key


def _read(file: Path) -> bytes | None:
    found = file.read_bytes() if file.exists() else b""
    return found if len(found) == SIZE else None
