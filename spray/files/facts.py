"""JSON that says whether it is as it was written: a digest of its content, beside it.

It is of the content and not of the bytes, so that a file may be laid out anew.
"""

import json
from pathlib import Path
from typing import Any

import xxhash

from spray.files.seals import DamagedFile

KEY = "digest"


def as_json(content: dict[str, Any], indent: int = 2) -> str:
    """The text of a file.

    Raises:
        TypeError: JSON cannot hold this.

    Example:
        >>> print(as_json({"name": "digits"}))
        {
          "name": "digits",
          "digest": "..."
        }
    """
    return json.dumps(content | {KEY: _digest(content)}, indent=indent, ensure_ascii=False)


def from_json(text: str, file: Path) -> Any:
    """What a file holds, without its digest; one without a digest is read as it is.

    Raises:
        DamagedFile: It is another content than was written.
        ValueError: It is no JSON.

    Example:
        >>> from_json(as_json({"name": "digits"}), Path("project.json"))
        {'name': 'digits'}
        >>> from_json(as_json({"name": "digits"}).replace("digits", "digit5"), Path("project.json"))
        Traceback (most recent call last):
        spray.files.seals.DamagedFile: project.json is not as it was written...
    """
    found = json.loads(text)
    if not isinstance(found, dict) or KEY not in found:
        return found
    content = {key: value for key, value in found.items() if key != KEY}
    if found[KEY] != _digest(content):
        raise DamagedFile(
            f'{file} is not as it was written: restore it or write it again; if you changed it, remove its "{KEY}"'
        )
    return content


def _digest(content: dict[str, Any]) -> str:
    """Of what comes back when it is read: tuples are lists, keys are texts."""
    text = json.dumps(json.loads(json.dumps(content)), sort_keys=True)
    return xxhash.xxh3_128_hexdigest(text.encode())
