"""The power goes: what is in its place before it is on the disk, and what is made of files of 0 bytes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.faults import jobs
from bench.faults.row import Found, Row, Setting
from spray.files import ProjectError

ASKED = "no file of 0 bytes is ever taken for done"
CALL = re.compile(r"^\d+ +(?P<call>\w+)\((?P<given>.*)\) += (?P<result>\d+)")
HELD = re.compile(r"^\d+<(?P<path>[^>]*)>")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def order(setting: Setting) -> Iterator[Found]:
    """By the calls to the operating system: the file is flushed before it is renamed, and the folder afterwards."""
    found = Found("power cut: order of fsync and rename", "fsync of the file before, of the folder after each rename")
    if shutil.which("strace") is None:
        found.skipped = "no strace"
        yield found
        return
    for name, job in jobs.JOBS.items():
        folder, trace = setting.folder / "order" / name / "p", setting.folder / f"{name}.trace"
        folder.parent.mkdir(parents=True)
        calls = "trace=fsync,fdatasync,rename,renameat,renameat2,write,pwrite64,ftruncate"
        command = job(folder)
        _, error = jobs.start(
            command, ("strace", "-f", "-y", "-qq", "-e", calls, "-s", "0", "-o", str(trace))
        ).communicate()
        lines = [line for line in trace.read_text(errors="replace").splitlines() if "/order/" in line]
        for what, wrong in judged(lines, folder):
            found.end(what, f"{name}: {wrong}" if wrong else "")
        if not any(" rename" in line for line in lines):
            found.wrong.append(f"{name} renamed nothing: {error[-300:]}")
    yield found


def judged(lines: list[str], project: Path) -> Iterator[tuple[str, str]]:
    """How each rename in a project ends: in order, with a file not flushed before, or a folder not flushed after."""
    unwritten: set[str] = set()
    waiting: dict[str, list[str]] = {}
    for line in lines:
        if not (match := CALL.match(line)):
            continue
        call, given = match["call"], match["given"]
        held = HELD.match(given)
        if call in ("write", "pwrite64", "ftruncate") and held:
            unwritten.add(held["path"])
        elif call in ("fsync", "fdatasync") and held:
            unwritten.discard(held["path"])
            for _ in waiting.pop(held["path"], []):
                yield "in order", ""
        elif call.startswith("rename"):
            old, new = TEXT.findall(given)[:2]
            if project not in Path(new).parents:
                continue
            if old in unwritten:
                yield "", f"{new} is renamed before it is flushed"
            waiting.setdefault(str(Path(new).parent), []).append(new)
    for folder, names in waiting.items():
        for name in names:
            yield "", f"{folder} is not flushed after {Path(name).name} was renamed"


def emptied(setting: Setting) -> Iterator[Found]:
    """Files of a whole project become ones of 0 bytes, as ext4 leaves what was not flushed; then the job again."""
    found = Found("power cut: files left with 0 bytes", ASKED)
    chance = setting.chance("empty")
    for name, job in jobs.JOBS.items():
        folder = setting.folder / "empty" / name / "p"
        folder.parent.mkdir(parents=True)
        said = jobs.start(job(folder)).communicate(timeout=300)[0]
        right = jobs.content(folder)
        files = [file for file in folder.rglob("*") if file.is_file() and file.suffix in (".nc", ".json")]
        files = chance.sample(sorted(files), min(len(files), setting.times(2, 12)))
        for file in files:
            raw = file.read_bytes()
            cached = "cache" in file.relative_to(folder).parts
            if cached:  # results of it are not there, so that it is asked for
                shutil.rmtree(folder / "analyses", ignore_errors=True)
            os.truncate(file, 0)
            again = jobs.start(job(folder))
            said_again, error = again.communicate(timeout=300)
            what = f"{name} with {file.relative_to(folder)} of 0 bytes"
            if again.returncode:
                named = file.name in error
                found.end("named", "" if named else f"{what}: the error names no file: {error[-300:]}")
                file.write_bytes(raw)
                continue
            same = file.stat().st_size and content_or_none(folder) == right and (name != "memo" or said == said_again)
            found.end("computed again", "" if same else f"{what} is taken for done")
            if not file.stat().st_size:
                file.write_bytes(raw)
    yield found


def content_or_none(folder: Path) -> dict[str, str] | None:
    """None if it cannot be read."""
    try:
        return jobs.content(folder)
    except ProjectError:
        return None


def images(setting: Setting) -> Iterator[Found]:
    """A file system of its own in a file, which is copied while a job writes: each copy is what a power cut leaves."""
    found = Found("power cut: copies of a file system's image", ASKED)
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        found.skipped = "only root can mount an image"
        yield found
        return
    image, place = setting.folder / "disk.img", setting.folder / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", str(image)], check=False).returncode
    if made or subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False).returncode:
        found.skipped = "the image cannot be mounted"
        yield found
        return
    copies: list[Path] = []
    try:
        for name in ("attribute", "findings"):
            process = jobs.start(jobs.JOBS[name](place / name))
            for _ in range(600):
                if process.poll() is not None or len(copies) >= setting.times(12, 60):
                    break
                if any((place / name).rglob("*.nc" if name == "attribute" else "*.json")):
                    process.send_signal(signal.SIGSTOP)
                    copies.append(setting.folder / f"copy {len(copies)}.img")
                    shutil.copyfile(image, copies[-1])
                    process.send_signal(signal.SIGCONT)
                time.sleep(0.1)
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=300)
    finally:
        subprocess.run(["umount", str(place)], check=False)
    for copy in copies:
        if subprocess.run(["mount", "-o", "loop", str(copy), str(place)], check=False).returncode:
            found.end("", f"{copy.name} cannot be mounted")
            continue
        try:
            files = [file for kind in ("*.nc", "*.json") for file in place.rglob(kind)]
            empty = [str(file.relative_to(place)) for file in files if not file.stat().st_size]
            for name in ("attribute", "findings"):
                if (place / name).exists():
                    jobs.content(place / name)
            found.end("whole files only", f"{copy.name} has files of 0 bytes: {empty}" if empty else "")
        except ProjectError as error:
            found.end("", f"{copy.name}: {error}")
        finally:
            subprocess.run(["umount", str(place)], check=False)
            copy.unlink()
    yield found


def power(setting: Setting) -> Iterator[Found]:
    """Order, empty files, images."""
    for measure in (order, emptied, images):
        yield from measure(setting)


ROW = Row("power", power)
