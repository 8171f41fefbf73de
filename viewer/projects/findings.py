"""What people found: named sets of samples with notes and tags, kept in the project as `findings.json`."""

import json
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from spray.store import ProjectError

FILE = "findings.json"
MOST_FINDINGS, LONGEST_TEXT = 1000, 10_000
LOCK = threading.Lock()


@dataclass(frozen=True)
class Finding:
    name: str
    text: str = ""
    tags: tuple[str, ...] = ()
    analysis: str = ""
    category: str = ""
    samples: tuple[int, ...] = ()
    created: str = ""

    @property
    def ids(self) -> np.ndarray:
        return np.array(self.samples, np.int64)


def load(project: Path) -> dict[str, Finding]:
    """Name -> finding, in the order they were made; ProjectError for a file that is not one of ours."""
    file = project / FILE
    if not file.exists():
        return {}
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["findings"]
        return {finding.name: finding for finding in map(_checked, entries)}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProjectError(f"{file} cannot be read ({error!r}): repair it or move it away") from error


def _checked(entry: dict[str, Any]) -> Finding:
    texts = {
        name: str(entry.get(name, ""))[:LONGEST_TEXT] for name in ("name", "text", "analysis", "category", "created")
    }
    return Finding(
        **texts, tags=tuple(map(str, entry.get("tags", ()))), samples=tuple(map(int, entry.get("samples", ())))
    )


def keep(project: Path, finding: Finding) -> None:
    """Add a finding, or replace the one of the same name."""
    if not finding.name.strip():
        raise ValueError("a finding needs a name")
    if max(len(finding.name), len(finding.text)) > LONGEST_TEXT:
        raise ValueError(f"a name or note has at most {LONGEST_TEXT} characters")
    with LOCK:
        found = load(project)
        created = found[finding.name].created if finding.name in found else datetime.now(UTC).isoformat("T", "seconds")
        found[finding.name] = replace(finding, created=created)
        if len(found) > MOST_FINDINGS:
            raise ValueError(f"a project keeps at most {MOST_FINDINGS} findings")
        _write(project, found)


def rename(project: Path, old: str, new: str) -> None:
    """Call a finding otherwise, in its place."""
    new = new.strip()
    with LOCK:
        found = load(project)
        if not new or len(new) > LONGEST_TEXT:
            raise ValueError(f"a name has 1 to {LONGEST_TEXT} characters")
        if new != old and new in found:
            raise ValueError(f"there is a finding {new!r} already")
        if old in found:
            _write(project, {f.name: f for f in (replace(f, name=new) if f.name == old else f for f in found.values())})


def drop(project: Path, name: str) -> None:
    with LOCK:
        found = load(project)
        if found.pop(name, None) is not None:
            _write(project, found)


def _write(project: Path, found: dict[str, Finding]) -> None:
    """Complete or absent at every moment."""
    text = json.dumps({"findings": [asdict(finding) for finding in found.values()]}, ensure_ascii=False, indent=1)
    aside = project / f".{FILE}.tmp"
    try:
        project.mkdir(exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(project / FILE)
    except OSError as error:
        raise ProjectError(f"findings cannot be kept in {project}: {error}") from error


def tags(text: str) -> tuple[str, ...]:
    """Tags as people write them, with commas between.

    >>> tags("watermark,  bottom left ,")
    ('watermark', 'bottom left')
    """
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
