"""Nearest neighbours side by side, exact and approximate: `python -m bench.neighbors --samples 20000`.

Of heatmaps (sums of blobs, which lie near a surface of few dimensions) and of noise in all 784 dimensions. Every run is
a process of its own; the true neighbours of 1 000 samples say the recall. Libraries that are not installed are left
out: `pip install pynndescent hnswlib usearch faiss-cpu`.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from bench.memory import peak_memory
from bench.spray import data_of
from spray.arrays.neighbors import euclidean_neighbors

COUNT, SIDE, TRIED = 10, 28, 1000


def heatmaps(n: int) -> np.ndarray:
    """Five blobs of one of 200 arrangements, moved, each more or less strong, with noise."""
    rng, places, kinds = np.random.default_rng(0), np.arange(SIDE), 200
    high, wide = rng.uniform(4, 24, (2, kinds, 5))
    width, sign = rng.uniform(1.5, 5, (kinds, 5)), rng.standard_normal((kinds, 5))
    parts = []
    for start in range(0, n, 2000):
        size = min(2000, n - start)
        kind, moved, gain = (
            rng.integers(0, kinds, size),
            rng.uniform(-2, 2, (2, size, 1)),
            rng.uniform(0.5, 1.5, (size, 5)),
        )
        lines = [
            np.exp(-((places - (centre[kind] + by)[..., None]) ** 2) / (2 * width[kind][..., None] ** 2))
            for centre, by in zip((high, wide), moved, strict=True)
        ]
        drawn = np.einsum("mk,mky,mkx->myx", sign[kind] * gain, *lines)
        parts.append((drawn + 0.05 * rng.standard_normal(drawn.shape)).astype(np.float32))
    return np.concatenate(parts).reshape(n, -1)


DATA: dict[str, Callable[[int], np.ndarray]] = {"heatmaps": heatmaps, "noise": lambda n: data_of(n, SIDE * SIDE)}


def _exact(values: np.ndarray) -> np.ndarray:
    return euclidean_neighbors(values, COUNT)[0]


def _pynndescent(values: np.ndarray) -> np.ndarray:
    from pynndescent import NNDescent

    found = NNDescent(values, n_neighbors=COUNT + 1, random_state=0).neighbor_graph
    assert found is not None
    return found[0]


def _hnswlib(values: np.ndarray) -> np.ndarray:
    import hnswlib  # pyright: ignore[reportMissingImports]

    index = hnswlib.Index("l2", values.shape[1])
    index.init_index(len(values), ef_construction=100, M=16, random_seed=0)
    index.add_items(values)
    index.set_ef(50)
    return index.knn_query(values, COUNT + 1)[0]


def _usearch(values: np.ndarray) -> np.ndarray:
    from usearch.index import Index  # pyright: ignore[reportMissingImports]

    index = Index(ndim=values.shape[1], metric="l2sq", dtype="f32", expansion_add=100, expansion_search=50)
    index.add(np.arange(len(values)), values)
    return np.asarray(index.search(values, COUNT + 1).keys)


def _faiss(values: np.ndarray) -> np.ndarray:
    import faiss  # pyright: ignore[reportMissingImports]

    cells = int(4 * len(values) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(values.shape[1]), values.shape[1], cells)
    index.cp.niter, index.cp.max_points_per_centroid, index.nprobe = 5, 40, 16
    index.train(values)
    index.add(values)
    return index.search(values, COUNT + 1)[1]


SEARCHES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "exact": ("numpy", _exact),
    "pynndescent": ("pynndescent", _pynndescent),
    "hnswlib": ("hnswlib", _hnswlib),
    "usearch": ("usearch", _usearch),
    "faiss IVF": ("faiss", _faiss),
}
"""Name -> the module that it needs, and neighbours of each sample, itself among them or not."""


def child(kind: str, n: int, name: str) -> None:
    """One run; prints what it took as JSON."""
    values = DATA[kind](n)
    start, work = time.perf_counter(), time.process_time()
    near = SEARCHES[name][1](values)
    took = time.perf_counter() - start, time.process_time() - work
    rows = np.random.default_rng(1).choice(n, min(TRIED, n), replace=False)
    apart = np.square(values[rows]).sum(1)[:, None] + np.square(values).sum(1) - 2 * values[rows] @ values.T
    apart[np.arange(len(rows)), rows] = np.inf
    true = np.argpartition(apart, COUNT, 1)[:, :COUNT]
    shared = [len(set(near[row].tolist()) & set(some.tolist())) for row, some in zip(rows, true, strict=True)]
    print(json.dumps([*took, float(np.mean(shared)) / COUNT, peak_memory()]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        kind, n, name = given.child
        return child(kind, int(n), name)
    print(f"{COUNT} neighbours of {given.samples} samples   seconds   of cores   recall       GB", flush=True)
    for kind in DATA:
        for name, (module, _) in SEARCHES.items():
            if importlib.util.find_spec(module) is None:
                continue
            command = [sys.executable, "-m", "bench.neighbors", "--child", kind, str(given.samples), name]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            took, work, recall, memory = json.loads(out)
            print(f"{kind:<10} {name:<22} {took:9.1f} {work:10.1f} {recall:8.3f} {memory:8.2f}", flush=True)
    return None


if __name__ == "__main__":
    main()
