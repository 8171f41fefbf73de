"""SpRAy side by side with CoRelAy, and at sizes where only one of them goes: `python -m bench.spray`.

Neighbour graph and spectral embedding (10 neighbours, 32 eigenpairs) of the same random data. Every run is a process of
its own; the two take turns. Needs `pip install corelay` for the comparison; `--quick` leaves out n = 100 000.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import xarray as xr

import spray
from bench.memory import peak_memory
from spray import memo, recipes, store
from spray.memo.digest import digest
from spray.stages import embedding

SIZES = {(1300, 50176): 5.0, (10_000, 1024): 8.0}  # (samples, features) -> how many times faster we want to be
LARGE = (100_000, 784)


def data_of(n: int, d: int) -> np.ndarray:
    """Points around 50 centres so near each other that the graph is connected."""
    rng = np.random.default_rng(0)
    centres = 0.2 * rng.standard_normal((50, d), np.float32)
    values = rng.standard_normal((n, d), np.float32)
    for start in range(0, n, 1000):
        values[start : start + 1000] += centres[rng.integers(0, 50, len(values[start : start + 1000]))]
    return values


def ours(values: np.ndarray, timed: Callable) -> np.ndarray:
    """Neighbours, affinity, Laplacian, eigenvectors by our stages."""
    data = xr.DataArray(values, dims=["sample", "feature"])
    near = timed("neighbours", spray.knn_graph, data, neighbors=10)
    edges = timed("affinity", spray.knn_affinity, near)
    laplacian = timed("laplacian", spray.symmetric_laplacian, edges)
    return timed("eigenpairs", spray.spectral_embedding, laplacian, components=32).eigenvalue.values


def theirs(values: np.ndarray, timed: Callable) -> np.ndarray:
    """The same by CoRelAy's processors with its defaults."""
    from corelay.processor.affinity import SparseKNN  # pyright: ignore[reportMissingImports]
    from corelay.processor.distance import SciPyPDist  # pyright: ignore[reportMissingImports]
    from corelay.processor.embedding import EigenDecomposition  # pyright: ignore[reportMissingImports]
    from corelay.processor.laplacian import SymmetricNormalLaplacian  # pyright: ignore[reportMissingImports]

    distances = timed("distances", SciPyPDist(metric="euclidean"), values)
    edges = timed("affinity", SparseKNN(n_neighbors=10, symmetric=True), distances)
    laplacian = timed("laplacian", SymmetricNormalLaplacian(), edges)
    return timed("eigenpairs", EigenDecomposition(n_eigval=32), laplacian)[0]


def child(who: str, n: int, d: int) -> None:
    """One run; prints what it took as JSON."""
    values, times = data_of(n, d), {}
    work = time.process_time()

    def timed(name: str, stage: Callable, *args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = stage(*args, **options)
        times[name] = time.perf_counter() - start
        return result

    smallest = np.sort({"ours": ours, "theirs": theirs}[who](values, timed))[:4]
    work = time.process_time() - work
    print(json.dumps({"times": times, "work": work, "gigabytes": peak_memory(), "smallest": smallest.tolist()}))


def run(who: str, n: int, d: int) -> dict:
    command = [sys.executable, "-m", "bench.spray", "--child", who, str(n), str(d)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def show(who: str, found: dict) -> None:
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in found["times"].items())
    seconds, work, peak = sum(found["times"].values()), found["work"], found["gigabytes"]
    print(f"  {who:7} {seconds:7.2f} s  {work:7.2f} s of cores  {peak:5.2f} GB  ({stages})", flush=True)


def compare(n: int, d: int, wanted: float, rounds: int) -> None:
    print(f"n = {n}, d = {d}: neighbours and 32 eigenpairs", flush=True)
    runs: dict[str, list[dict]] = {"theirs": [], "ours": []}
    for _ in range(rounds):
        for who, label in (("theirs", "CoRelAy"), ("ours", "ours")):
            runs[who].append(run(who, n, d))
            show(label, runs[who][-1])
    seconds = {who: median(sum(found["times"].values()) for found in some) for who, some in runs.items()}
    work = {who: median(found["work"] for found in some) for who, some in runs.items()}
    memory = {who: median(found["gigabytes"] for found in some) for who, some in runs.items()}
    faster, smaller = seconds["theirs"] / seconds["ours"], memory["ours"] / memory["theirs"]
    cores = work["theirs"] / work["ours"]
    print(f"  medians: {faster:.1f} times as fast (wanted {wanted:g}), {cores:.1f} times less work of cores, ", end="")
    print(f"{smaller:.2f} of the peak memory", flush=True)


def large(n: int, d: int) -> None:
    print(f"n = {n}, d = {d}: neighbours and 32 eigenpairs (wanted: less than 3 GB)", flush=True)
    show("ours", run("ours", n, d))


def curves(rounds: int) -> None:
    """32 eigenpairs of samples along curves and sheets, by the inverse of L and by ARPACK's steps, taking turns."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(8000) / 8000
    samples = {
        "a ring of 8 000": np.stack([np.cos(angle), np.sin(angle)], 1),
        "a path of 5 000": np.arange(5000.0)[:, None],
        "a square of 20 000": rng.uniform(size=(20_000, 2)),
    }
    for name, values in samples.items():
        near = spray.knn_graph(xr.DataArray(values, dims=["sample", "axis"]), neighbors=10)
        laplacian = spray.symmetric_laplacian(spray.knn_affinity(near))
        times: dict[int, list[float]] = {embedding.NARROW: [], 0: []}
        for _ in range(rounds):
            for narrow, found in times.items():
                with patch.object(embedding, "NARROW", narrow):
                    found.append(_seconds(partial(spray.spectral_embedding, laplacian)))
        inverted, steps = map(median, times.values())
        print(f"{name}: 32 eigenpairs in {inverted:.2f} s, by ARPACK alone {steps:.2f} s, {steps / inverted:.0f} times")


def hashing() -> None:
    values = np.random.default_rng(0).standard_normal((1000, 125_000), np.float32)  # 0.5 GB
    digest(values)
    start = time.perf_counter()
    digest(xr.DataArray(values, dims=["sample", "feature"]))
    print(f"hashing: {values.nbytes / (time.perf_counter() - start) / 1e9:.1f} GB/s (wanted 1)")


def hits() -> None:
    remembered = xr.Dataset({"spectral": (("sample", "component"), np.ones((1300, 32)))}, {"sample": np.arange(1300)})
    with tempfile.TemporaryDirectory() as folder:
        stage = memo.memoize(recipes.KMEANS, folder)
        stage(remembered.spectral)
        times = [_seconds(lambda: stage(remembered.spectral)) for _ in range(21)]
    print(f"memo: a hit takes {1000 * median(times):.1f} ms (wanted 20)")


def thousand_categories() -> None:
    """1 000 categories of 1 300 samples: written, then opened and ranked."""
    n = 1300
    rng = np.random.default_rng(0)
    category = xr.Dataset(
        {
            "spectral": (("sample", "component"), rng.normal(size=(n, 32))),
            "eigenvalue": ("component", np.linspace(0, 1, 32)),
            "tsne": (("sample", "axis"), rng.normal(size=(n, 2))),
            "cluster": (("clustering", "sample"), rng.integers(0, 5, (8, n))),
            "neighbor": (("sample", "rank"), rng.integers(0, n, (n, 10))),
        },
        {"sample": np.arange(n), "clustering": [f"kmeans-{k}" for k in range(2, 10)]},
    )
    with tempfile.TemporaryDirectory() as folder:
        store.write_project(folder, name="bench")
        start = time.perf_counter()
        for number in range(1000):
            score = float(rng.random())
            facts = {"n": n, "label": f"class {number}", "eigengap": score, "clever_hans": score}
            store.write_category(folder, "spectral", str(number), category.assign_attrs(facts))
        written = time.perf_counter() - start
        indexed = _seconds(lambda: store.write_analysis_index(folder, "spectral"))
        ranked = _seconds(lambda: _ranked(folder))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.nc")) / 1e9
    print(f"1 000 categories of 1 300 samples ({size:.2f} GB): written in {written:.1f} s, indexed in {indexed:.2f} s,")
    print(f"  opened, ranked and the first one read in {ranked:.2f} s (wanted 1)")


def _ranked(folder: str) -> xr.Dataset:
    index = store.read_analysis_index(folder, "spectral")
    first = str(index.category.values[int(index.clever_hans.values.argmax())])
    return store.open_analysis(folder, "spectral")[first]


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", nargs=3, metavar=("WHO", "N", "D"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3, help="how often the two take turns")
    parser.add_argument("--curves", action="store_true", help="only samples along curves and sheets")
    parser.add_argument("--quick", action="store_true", help="leave out n = 100 000")
    given = parser.parse_args()
    if given.child:
        who, n, d = given.child
        return child(who, int(n), int(d))
    curves(given.rounds)
    if given.curves:
        return None
    hashing()
    hits()
    thousand_categories()
    for (n, d), wanted in SIZES.items():
        compare(n, d, wanted, given.rounds)
    if not given.quick:
        large(*LARGE)
    return None


if __name__ == "__main__":
    main()
