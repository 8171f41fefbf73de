"""Processes that are killed, ended or interrupted at random moments, and what the next one makes of it."""

from __future__ import annotations

import math
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.faults import jobs
from bench.faults.row import Found, Row, Setting

TIMES = {signal.SIGKILL: (2, 13), signal.SIGTERM: (2, 13), signal.SIGINT: (3, 38)}
"""Of each job: with `--quick`, and in full."""
ENDS = {signal.SIGKILL: (-9,), signal.SIGTERM: (-15, 143), signal.SIGINT: (130, -2)}
"""Exit codes: 130, and -2, which is 130 in a shell, of a Python that is not yet at our code, or is not a command."""
STARTING = "init_import_site"
"""What Python says where it is interrupted before it is at any code but its own; its exit code is 1 then."""
COMMANDS = ("attribute", "analyse")
PATIENCE = 120  # seconds to end after a signal, on a busy machine
ASKED = "all end (130 for SIGINT), resumed bit-identical, 0 orphans after the next run"


def kills(setting: Setting) -> Iterator[Found]:
    """One line a job and signal."""
    for name in jobs.JOBS:
        whole, seconds, said = unharmed(setting.folder / name / "whole", name)
        for number, (quick, full) in TIMES.items():
            found = Found(f"{number.name} of {name}", ASKED)
            work = Killed(name, number, setting.folder / name / number.name, whole, said, found)
            work.kill(setting, setting.times(quick, full), seconds)
            yield found


def unharmed(folder: Path, name: str) -> tuple[dict[str, str], float, list[str]]:
    """What the job comes to, how long it takes, and what it says."""
    folder.parent.mkdir(parents=True)
    start = time.monotonic()
    process = jobs.start(jobs.JOBS[name](folder))
    said, error = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"{name} ends with {process.returncode}: {error}")
    return jobs.content(folder), time.monotonic() - start, said.split()


class Killed:
    """A job that is killed again and again, each time going on from what is there; whole ones are begun anew."""

    def __init__(
        self, name: str, number: signal.Signals, folder: Path, whole: dict[str, str], said: list[str], found: Found
    ) -> None:
        self.name, self.number, self.whole, self.said, self.found = name, number, whole, said, found
        self.folder, self.round = folder, 0
        folder.mkdir()

    @property
    def project(self) -> Path:
        return self.folder / str(self.round)

    def kill(self, setting: Setting, times: int, seconds: float) -> None:
        """So many times, and then to the end; a process that ended before its signal came does not count."""
        chance = setting.chance(f"{self.name} {self.number}")
        for _ in range(4 * times):
            seconds = min(seconds, self.once(chance.uniform(0, 0.9 * seconds)))
            if self.found.runs == times:
                break
        self.to_the_end()

    def once(self, moment: float) -> float:
        """Start, wait, kill; look at what it left, and begin anew where it had come to its end. Seconds it may take."""
        process = jobs.start(jobs.JOBS[self.name](self.project))
        try:
            said, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(self.number)
        else:
            self.compare(process.returncode, said)
            return moment
        try:
            said, error = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.found.end("", f"had not ended {PATIENCE} s after the signal at {moment:.2f} s")
            return math.inf
        if process.returncode == 0:  # it was at its end
            self.found.end("at its end already")
            self.compare(0, said)
        elif process.returncode not in ENDS[self.number] and STARTING not in error:
            last = error.strip().splitlines()[-1:]
            self.found.end("", f"exit code {process.returncode} after the signal at {moment:.2f} s: {last}")
        else:
            early = STARTING in error or (process.returncode == -2 and self.name in COMMANDS)
            self.found.end("ended while Python itself started" if early else "ended", self.lost(said))
        return math.inf

    def lost(self, said: str) -> str:
        """What a killed process had named as kept, and is not there."""
        if self.name != "findings":
            return ""
        gone = set(said.split()) - set(jobs.findings.load(self.project))
        return f"kept and lost: {sorted(gone)}" if gone else ""

    def to_the_end(self) -> None:
        """Go on, and compare."""
        process = jobs.start(jobs.JOBS[self.name](self.project))
        said, error = process.communicate(timeout=300)
        if process.returncode:
            self.found.wrong.append(f"the next run ends with {process.returncode}: {error[-500:]}")
        self.compare(process.returncode, said)

    def compare(self, code: int, said: str) -> None:
        """A whole project is as if nothing had been killed; the next one is begun."""
        if code == 0 and jobs.content(self.project) != self.whole:
            self.found.wrong.append(f"{self.project}: the result is another one")
        if code == 0 and self.name == "memo" and said.split() != self.said:
            self.found.wrong.append(f"{self.project}: other results are remembered")
        if code == 0 and (left := jobs.temporaries(self.project)):
            self.found.wrong.append(f"{self.project}: orphans after the next run: {left}")
        self.round += code == 0


ROW = Row("kills", kills)
