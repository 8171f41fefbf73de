"""Disks that are full or read-only, files that are not ours, locks that others have, folders that are moved."""

from __future__ import annotations

import ctypes
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.faults import jobs
from bench.faults.row import Found, Row, Setting
from spray.files import locked

ASKED = "one line, nothing lost, exit code not 0"
SMALL = 300  # kB of the disk that gets full
KEEP = (
    "import sys; from pathlib import Path; from viewer.projects import Finding, findings\n"
    "try: print(findings.keep(Path(sys.argv[1]), Finding('new')))\n"
    "except Exception as error: sys.exit(f'error: {error}')"
)
FILL = 'head -c 10m /dev/zero > "$place/.fill" 2>/dev/null;'
OVERRIDE, SEARCH = 1, 2  # of capabilities(7): what makes root pass every permission

Command = Callable[[Path], list[str]]
COMMANDS: dict[str, Command] = {
    "attribute": jobs.attribute,
    "analyse": jobs.analyse,
    "keep": lambda folder: ["-c", KEEP, str(folder)],
}


def info(folder: Path) -> list[str]:
    """`spray info`: reads, and should not need to write."""
    return ["-c", jobs.ENTRY.format("spray.cli"), "info", str(folder)]


def mortal() -> None:
    """Root is as others are before the permissions of files, from the next program on."""
    jobs.interruptible()
    prctl = ctypes.CDLL(None).prctl
    for capability in (OVERRIDE, SEARCH):
        prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; without privileges there is nothing to drop


def small_files() -> None:
    """Files of at most 20 kB can be written: a full disk where none can be mounted."""
    jobs.interruptible()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def refuse(found: Found, what: str, process: subprocess.Popen[str]) -> None:
    """One line and an exit code, or what it was instead."""
    try:
        _, error = process.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        found.end("", f"{what}: no end in 150 s")
        return
    lines = [line for line in error.strip().splitlines() if "weights are random" not in line]
    # `spray analyse` warns, and says of each category on a line of its own that it failed
    more = [line for line in lines[:-1] if line.startswith("Traceback") or not what.startswith("analyse")]
    alone = process.returncode > 0 and not more and lines[-1:] and lines[-1].startswith("error: ")
    found.end("refused in one line", "" if alone else f"{what}: exit code {process.returncode}, {lines[-3:]}")


def resumed(found: Found, name: str, project: Path, before: dict[str, str]) -> None:
    """Nothing that was there is lost, and with room again the job comes to its end."""
    after = jobs.content(project)
    if lost := [file for file in before if after.get(file) != before[file]]:
        found.wrong.append(f"{name}: lost {lost}")
    process = jobs.start(COMMANDS[name](project))
    if error := process.communicate(timeout=300)[1] if process.wait(300) else "":
        found.wrong.append(f"{name}: the next run fails: {error[-300:]}")
    if left := jobs.temporaries(project):
        found.wrong.append(f"{name}: orphans after the next run: {left}")


def in_a_small_disk(kilobytes: int, then: str = "") -> tuple[str, ...]:
    """What stands before a command that sees a file system of its own at the folder `$1`, filled from `$2`.

    What is there afterwards goes back to `$2`. `then` is run in between.
    """
    script = (
        f'place=$1 from=$2; shift 2; mount -t tmpfs -o size={kilobytes}k none "$place" && cp -r "$from/." "$place" '
        f'; {then} "$@"; code=$?; cp -r "$place/." "$from"; exit $code'
    )
    return ("unshare", "-rm", "sh", "-c", script, "sh")


def can_mount() -> bool:
    """Whether this user may have a file system of its own."""
    try:
        return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], check=False).returncode == 0
    except OSError:
        return False


def begun(folder: Path) -> Path:
    """A project to go on with, and a finding."""
    jobs.project(folder)
    jobs.findings.keep(folder, jobs.Finding("old"))
    return folder


def starved(setting: Setting, fault: str, then: str, kilobytes: int) -> Found:
    """Each command on a file system of its own; without the right to mount one, with a limit on the size of files."""
    found, mounts = Found(fault, ASKED), can_mount()
    for name, command in COMMANDS.items():
        place, real = setting.folder / fault / name / "place", setting.folder / fault / name / "real"
        place.mkdir(parents=True)
        if name == "attribute":
            real.mkdir()
        else:
            begun(real)
        before = jobs.content(real)
        if mounts:
            wrap = (*in_a_small_disk(kilobytes, then), str(place), str(real))
            process = jobs.start(command(place), wrap)
        else:
            process = jobs.start(command(real), preexec_fn=small_files)
        refuse(found, name, process)
        resumed(found, name, real, before)
    found.note = "" if mounts else "by a limit on the size of files"
    return found


def full(setting: Setting) -> Found:
    """The disk has room for a few files more, if any."""
    return starved(setting, "disk full", FILL, SMALL)


def read_only(setting: Setting) -> Found:
    """The disk cannot be written to."""
    if not can_mount():
        return Found("read-only disk", ASKED, skipped="no right to mount one")
    return starved(setting, "read-only disk", 'mount -o remount,ro "$place";', 10 * SMALL)


def reading(setting: Setting) -> Found:
    """Reading needs no room: indices are made anew where they cannot be kept."""
    found = Found("nearly full and read-only while reading", "read as on a free disk")
    real = begun(setting.folder / "reading")
    free = jobs.start(info(real)).communicate(timeout=120)[0]
    for index in real.rglob("index.nc"):
        index.unlink()
    place = setting.folder / "reading-place"
    place.mkdir()
    fills = {"full": FILL, "ro": 'mount -o remount,ro "$place";'}
    for what, then in fills.items():
        if can_mount():
            process = jobs.start(info(place), (*in_a_small_disk(SMALL, then), str(place), str(real)))
        else:
            process = jobs.start(info(real), preexec_fn=small_files)
        said, error = process.communicate(timeout=120)
        same = said.replace(str(place), str(real)) == free and not process.returncode
        found.end("read", "" if same else f"{what}: {process.returncode} {said[-200:]} {error[-300:]}")
        for extra in (*real.rglob("index.nc"), *real.rglob(".fill")):
            extra.unlink()
    return found


def permission(setting: Setting) -> Found:
    """Folders that may not be written to, then a part that may not be read."""
    found = Found("no permission", ASKED)
    for name, command in COMMANDS.items():
        project = setting.folder / "permission" / name
        begun(project) if name != "attribute" else project.mkdir(parents=True)
        before, folders = jobs.content(project), [project, *(path for path in project.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        refuse(found, f"{name} in a folder", jobs.start(command(project), preexec_fn=mortal))
        for folder in folders:
            folder.chmod(0o755)
        resumed(found, name, project, before)
    project = begun(setting.folder / "permission" / "part")
    part = jobs.store.parts(project)[1]
    part.chmod(0)
    refuse(found, "analyse with a part", jobs.start(jobs.analyse(project), preexec_fn=mortal))
    part.chmod(0o644)
    resumed(found, "analyse", project, {})
    return found


def lock(setting: Setting) -> Found:
    """Another process has the project's lock; who waits for it says so in the end."""
    found = Found("lock held by another", ASKED)
    names = [name for name in COMMANDS if name == "keep" or not setting.quick]  # the others wait for a minute
    projects = {name: setting.folder / "lock" / name for name in names}
    for name, project in projects.items():
        begun(project) if name != "attribute" else project.mkdir(parents=True)
        before = jobs.content(project)
        with locked(project):
            refuse(found, name, jobs.start(COMMANDS[name](project)))
        resumed(found, name, project, before)
    return found


def moved(setting: Setting) -> Found:
    """The project's folder is moved while it is written to: nothing more is written to the old place."""
    found = Found("folder moved meanwhile", ASKED)
    for number in range(setting.times(1, 5)):
        project = setting.folder / "moved" / str(number) / "p"
        project.parent.mkdir(parents=True)
        process = jobs.start(jobs.attribute(project))
        end = time.monotonic() + 120
        while not jobs.store.parts(project) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        elsewhere = project.rename(project.with_name("elsewhere"))
        refuse(found, "attribute", process)
        if project.exists() and [path for path in project.rglob("*") if path.is_file()]:
            found.wrong.append(f"written to the old place: {list(project.rglob('*'))[:5]}")
        resumed(found, "attribute", elsewhere, jobs.content(elsewhere))
        shutil.rmtree(elsewhere)
    return found


def disk(setting: Setting) -> Iterator[Found]:
    """One line a fault."""
    rows: list[Callable[[Setting], Any]] = [full, read_only, reading, permission, lock, moved]
    for row in rows:
        yield row(setting)
        sys.stdout.flush()


ROW = Row("disk", disk)
