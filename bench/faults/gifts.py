"""Projects of strangers: what claims more than it has, leads elsewhere, or is odd, beside one that is honest."""

from __future__ import annotations

import json
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import xarray as xr

from bench.faults import jobs
from bench.faults.row import Found, Row, Setting
from spray import store

SECRET = "a secret of this host " * 8
MOST = 1.0  # GB of memory
Change = Callable[[Path, Path], object]
"""What is done to a project; the second is a folder of ours, with a secret in it."""


def make(folder: Path, name: str = "gift") -> Path:
    """A project with a part, an index, and an analysis of a category."""
    place = folder / name
    store.write_project(place, name=name, label_names=["a", "b"])
    arrays = {"image": (("sample", "height", "width"), np.arange(48, dtype="u1").reshape(3, 4, 4))}
    numbers = {
        "sample": [0, 1, 2],
        "label": ("sample", [0, 1, 0]),
        "who": ("sample", np.array(["x", "y", "z"], object)),
    }
    store.write_part(place, 0, xr.Dataset(arrays | {"relevance": arrays["image"]}, numbers))
    found = xr.Dataset({"tsne": (("sample", "axis"), np.zeros((3, 2)))}, {"sample": [0, 1, 2]}, {"n": 3})
    store.save_analysis({"7": found}, place, name="spectral")
    store.open_attributions(place)
    return place


def external_values(file: Path) -> None:
    secret = file.with_name("secret")
    secret.write_bytes(b"a secret" * 8)
    with h5py.File(file, "a") as out:
        out.create_dataset("stolen", (64,), "u1", external=[(str(secret), 0, 64)])


def external_link(file: Path) -> None:
    with h5py.File(file, "a") as out:
        out["stolen"] = h5py.ExternalLink("/etc/hostname", "/x")


def soft_link(file: Path) -> None:
    with h5py.File(file, "a") as out:
        out["around"] = h5py.SoftLink("/")


def circle(file: Path) -> None:
    with h5py.File(file, "a") as out:
        out.create_group("in")["itself"] = out["/"]


def virtual(file: Path) -> None:
    with h5py.File(file, "a") as out:
        layout = h5py.VirtualLayout((4,), "u1")
        layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (4,))
        out.create_virtual_dataset("stolen", layout)


def bomb(file: Path) -> None:
    with netCDF4.Dataset(file, "a") as out:
        out.createDimension("many", 1_200_000_000)
        out.createVariable("label_name", "i8", ("many",))


def large_chunk(file: Path) -> None:
    with h5py.File(file, "a") as out:
        out.create_dataset("x", (1,), "f8", chunks=(2**28,), maxshape=(None,), compression="gzip")


def one_text_many_times(file: Path) -> None:
    with h5py.File(file, "a") as out:
        texts = out.create_dataset("texts", (40_000,), h5py.string_dtype(), chunks=(40_000,), compression="gzip")
        texts[0] = "x" * 100_000
        raw = texts.id
        _, packed = raw.read_direct_chunk((0,))
        row = zlib.decompress(packed)[:16]
        raw.write_direct_chunk((0,), zlib.compress(row * 40_000))


def filters(file: Path) -> None:
    with h5py.File(file, "a") as out:
        out.create_dataset("x", data=np.zeros(100), chunks=(10,), compression="lzf")


SPOILED: dict[str, Callable[[Path], object]] = {
    "external values": external_values,
    "external link": external_link,
    "soft link": soft_link,
    "circle": circle,
    "virtual": virtual,
    "bomb": bomb,
    "large chunk": large_chunk,
    "one text many times": one_text_many_times,
    "filters": filters,
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:1500]),
    "netCDF 3": lambda file: file.write_bytes(b"CDF\x01" + bytes(100)),
}
"""What is done to a file of a gift; each is to be refused by name."""
PLACES = ("attributions/part-00000.nc", "analyses/spectral/7.nc", "analyses/spectral/index.nc")
LINKED = ("project.json", "findings.json", "attributions", "attributions/part-00000.nc", "analyses/spectral", "cache")
ODD = (
    "{",
    "null",
    "[]",
    '{"schema": 1e999}',
    '{"name": [], "schema": 1}',
    "[" * 5000,
    "\0",
    '{"schema": 1, "name": "\ud800"}',
)
NAMES = ("10²", "9" * 190, "a\nb", "<script>", "..", "é" * 60, "=1+1", " ")


def gifts_of() -> Iterator[tuple[str, Change]]:
    """All of them, by name."""
    for place in PLACES:
        for name, change in SPOILED.items():
            yield f"{name} in {place}", lambda project, _, place=place, change=change: change(project / place)
    for place in LINKED:
        yield f"a link for {place}", lambda project, ours, place=place: link(project / place, ours)
    for number, text in enumerate(ODD):
        for file in ("project.json", "findings.json"):
            raw = text.encode("utf-8", "surrogatepass")
            yield f"odd {file} {number}", lambda project, _, file=file, raw=raw: (project / file).write_bytes(raw)
    for name in NAMES:
        yield f"a category named {name[:8]!r}", lambda project, _, name=name: odd_category(project, name)
    yield (
        "a copied folder",
        lambda project, _: shutil.copytree(project / "analyses/spectral", project / "analyses/spectral (copy)"),
    )
    yield "an odd file", lambda project, _: (project / "analyses/spectral/x.nc").write_bytes(b"odd")
    yield "a folder in the place of a part", lambda project, _: (project / "attributions/part-00001.nc").mkdir()


def link(place: Path, ours: Path) -> None:
    """A link to what has the same name in a folder of ours."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(ours / place.name)


def odd_category(project: Path, name: str) -> None:
    """A category of that name, if it can be made."""
    one = xr.Dataset({"n": ("sample", [1])}, {"sample": [0]})
    try:
        store.write_category(project, "spectral", name, one)
    except ValueError:
        (project / "analyses/spectral" / f"{name.replace('/', '_')}.nc").write_bytes(b"odd")


def ours_in(folder: Path) -> Path:
    """A folder of this host, with a project and a secret."""
    made = make(folder, "ours")
    for name in ("secret", "hostname"):
        (made / name).write_text(SECRET)
    for file in list(made.rglob("*")):
        if file.is_file() and not (made / file.name).exists():
            shutil.copy(file, made / file.name)
    for analysis in ("attributions", "spectral", "cache"):
        (made / analysis).mkdir(exist_ok=True)
    (made / "findings.json").write_text(json.dumps({"findings": [{"name": SECRET}]}))
    return made


def digests(folder: Path) -> dict[Path, bytes]:
    """Every file and what it holds."""
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def gifts(setting: Setting) -> Iterator[Found]:
    """All are opened together, as a server opens them, in a process of its own, whose opened files are watched."""
    found = Found("gift projects", "0 files outside read or written, the others open, memory below 1 GB")
    ours, place = ours_in(setting.folder / "host"), setting.folder / "gifts"
    before, projects = digests(ours), []
    for number, (name, change) in enumerate(gifts_of()):
        project = make(place, f"gift {number}")
        (project / "attributions/index.nc").unlink()  # else the part would not be looked at
        change(project, ours)
        projects.append((name, project))
    good = make(place, "good")
    trace = setting.folder / "trace"
    watch = ("strace", "-f", "-qq", "-e", "trace=openat,open", "-o", str(trace)) if shutil.which("strace") else ()
    paths = setting.folder / "paths.json"
    paths.write_text(json.dumps([*(str(project) for _, project in projects), str(good)]))
    process = jobs.start(["-m", "bench.faults.gifts", str(paths)], watch)
    said, error = process.communicate(timeout=600)
    if process.returncode:
        found.end("", f"the process that opens them ends with {process.returncode}: {error[-500:]}")
        yield found
        return
    answer = json.loads(said.splitlines()[-1])
    for name, project in projects:
        message = answer["errors"][str(project)]
        stolen = SECRET[:20] in message or SECRET[:20] in answer["shown"][str(project)]
        found.end("refused or harmless", f"{name}: a secret is shown" if stolen else "")
    if answer["errors"][str(good)]:
        found.wrong.append(f"the honest project is closed: {answer['errors'][str(good)]}")
    if changed := {file for file, _ in digests(ours).items() ^ before.items()}:
        found.wrong.append(f"written or deleted outside: {sorted(changed)}")
    if read := [line for line in trace.read_text(errors="replace").splitlines() if str(ours) in line] if watch else []:
        found.wrong.append(f"a file outside was opened: {read[:3]}")
    if answer["memory"] > MOST:
        found.wrong.append(f"{answer['memory']:.2f} GB of memory")
    found.note = f"{answer['memory']:.2f} GB" + ("" if watch else "; opened files not watched")
    yield found


def look(projects: list[str]) -> dict[str, object]:
    """All that the viewer does first, and keeping a finding; what is said and shown of each."""
    from bench.memory import peak_memory
    from viewer.projects import Finding, findings, open_category, open_projects

    errors, shown = {}, {}
    for path in projects:  # one by one: names may be the same
        (project,) = open_projects([path]).values()
        errors[path], shown[path] = project.error or "", ""
        for analysis, categories in project.analyses.items():
            for category in categories:
                try:
                    shown[path] += str(open_category(project, analysis, category))
                except store.ProjectError as error:
                    shown[path] += str(error)
        for act in (
            lambda path=path: findings.keep(Path(path), Finding("x")),
            lambda path=path: findings.load(Path(path)),
        ):
            try:
                shown[path] += str(act())
            except (store.ProjectError, ValueError) as error:
                shown[path] += str(error)
        if not project.error:
            shown[path] += str([value.values for value in project.attributions.data_vars.values()])
    return {"errors": errors, "shown": shown, "memory": peak_memory()}


ROW = Row("gifts", gifts)

if __name__ == "__main__":
    print(json.dumps(look(json.loads(Path(sys.argv[1]).read_text()))))
