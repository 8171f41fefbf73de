"""Many processes that keep findings in one project at once, while another one reads."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.faults import jobs
from bench.faults.row import Found, Row, Setting
from viewer.projects import Finding, findings

PROCESSES = (2, 4, 8)
PATIENCE = 1800  # on a busy machine


def keepers(setting: Setting) -> Iterator[Found]:
    """One line a number of processes."""
    each = setting.times(20, 100)
    for count in PROCESSES:
        folder = setting.folder / str(count)
        folder.mkdir()
        found = Found(f"{count} processes keeping {each} findings each", "all of them, readable at every moment")
        command = ["-m", "bench.faults.keepers", str(folder), str(each)]
        processes = [jobs.start([*command, str(number)]) for number in range(count)]
        reads, end = 0, time.monotonic() + PATIENCE
        while any(process.poll() is None for process in processes) and time.monotonic() < end:
            reads += 1
            try:
                findings.load(folder)
            except Exception as error:
                found.end("", f"read {reads}: {error}")
            time.sleep(0.002)
        for process in processes:
            process.kill()
            if error := process.communicate()[1].strip():
                found.end("", f"a process ends with {process.returncode}: {error.splitlines()[-1]}")
        kept = findings.load(folder)
        for name in (f"{number} {at}" for number in range(count) for at in range(each)):
            found.end("kept", "" if name in kept else f"{name!r} is lost")
        same = [name for name in kept if name.startswith("same")]
        if len(same) != count:
            found.wrong.append(f"{count} of one name became {same}")
        found.note = f"read {reads} times meanwhile"
        yield found


def main(folder: Path, each: int, number: int) -> None:
    """One of the processes; the last finding has the name that the others give theirs."""
    for at in range(each):
        findings.keep(folder, Finding(f"{number} {at}", "text " * 20))
    findings.keep(folder, Finding("same"))


ROW = Row("keepers", keepers)

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
