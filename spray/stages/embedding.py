"""The spectral embedding of a graph: eigenvectors of its Laplacian."""

import logging

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import xarray as xr
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh, lobpcg, splu

from spray.arrays import graph
from spray.arrays.labels import few_threads, sample_ids
from spray.arrays.rules import by_rule, components_of
from spray.stages.clustering.labels import by_size

log = logging.getLogger(__name__)
MOST_PARTS = 512  # eigenvectors at most, however many parts a graph has
FEW = 2000  # samples up to which ARPACK takes no time whatever the graph
NARROW = 400  # entries a row; up to here a factorization takes less than ARPACK's many steps, in time and memory
SHIFT = 1e-8
DENSE = 256  # up to here the dense solver is faster than ARPACK


def spectral_embedding(
    laplacian: xr.Dataset,
    *,
    components: int | str = 32,
    normalize_rows: bool = True,
    every_part: bool = False,
    seed: int = 0,
) -> xr.Dataset:
    """Eigenvectors of the `components` smallest eigenvalues of L, ascending; rows of length 1 (Ng, Jordan, Weiss 2001).

    `eigenvalue (component)`, `spectral (sample, component)`. Each connected component is solved for itself: the
    multiplicity of 0 is exactly their number, and a vector lives on one of them. Signs are fixed by the entry of
    largest magnitude, which is positive. At most n pairs exist; a row that is 0 in all of them stays 0.

    A graph of more parts than `components` needs a vector for each part, else samples of the others are rows of 0 and
    no gap is seen: that is logged as a warning. With `every_part` there are as many vectors as parts and one more, up
    to 512. `graph_part (sample)` then numbers the parts, the largest is 0.

    Args:
        laplacian: Of `symmetric_laplacian` or `random_walk_laplacian`.
        components: How many eigenvectors; the first is constant on each connected component. "auto" for n / 20, at
            least 9 (as many as 8 clusters and the gap behind them need) and at most 32.
        normalize_rows: Rows of length 1.
        every_part: More eigenvectors where the graph has more parts.
        seed: Of the eigensolver's start.

    Returns:
        `spectral` and `eigenvalue`; `graph_part` where there are more parts than `components`.

    Raises:
        ValueError: `components` is below 1, or another word than "auto".

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> neighbours = spray.knn_graph(points, neighbors=1)
        >>> laplacian = spray.symmetric_laplacian(spray.knn_affinity(neighbours))
        >>> spectral_embedding(laplacian, components=3).eigenvalue.values.tolist()
        [0.0, 0.0, 2.0]
    """
    ids = sample_ids(laplacian)
    components = by_rule("components", components, len(ids), components_of)
    order = np.argsort(ids, kind="stable")
    degree = laplacian.degree.values[order]
    matrix = graph.to_sparse(laplacian)[order][:, order]
    walk = laplacian.attrs.get("laplacian") == "random walk"
    if walk:  # similar to the symmetric one: L_sym = D^1/2 L_rw D^-1/2
        root = np.sqrt(np.where(degree > 0, degree, 1))
        matrix = sp.csr_array(sp.diags_array(root) @ matrix @ sp.diags_array(1 / root))
    pieces, piece_of = connected_components(matrix, directed=False)
    many = pieces > components
    if many:
        components = _for_parts(pieces, components, len(ids), every_part)
    values, vectors = _smallest(matrix, degree, piece_of, components, seed)
    if walk:
        vectors = vectors / np.sqrt(np.where(degree > 0, degree, 1))[:, None]
        vectors /= np.linalg.norm(vectors, axis=0)
    vectors = vectors * _signs(vectors)
    if normalize_rows:
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    back = np.argsort(order)
    data = {
        "spectral": (("sample", "component"), vectors[back]),
        "eigenvalue": ("component", values, {"connected_components": pieces}),
    }
    if many:
        data["graph_part"] = ("sample", by_size(piece_of, ids[order])[back])
    return xr.Dataset(data, {"sample": ids})


def _for_parts(pieces: int, components: int, n: int, every_part: bool) -> int:
    """How many eigenvectors a graph of more parts than `components` gets; said aloud."""
    wanted = min(pieces + 1, n, MOST_PARTS) if every_part else components
    fate = "the samples of the others are rows of 0" if wanted < min(pieces, n) else f"{wanted} components are taken"
    log.warning("the graph of %d samples has %d parts, more than %d components: %s", n, pieces, components, fate)
    return max(wanted, components)


def _smallest(
    matrix: sp.csr_array, degree: np.ndarray, piece_of: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The smallest eigenpairs over all connected components, larger components first among equals."""
    sizes = np.bincount(piece_of)
    pairs = []  # (eigenvalue, -size of its component, number of it, rows, vector)
    for piece in np.argsort(-sizes, kind="stable"):
        rows = np.flatnonzero(piece_of == piece)
        values, vectors = _connected(matrix[rows][:, rows], degree[rows], min(count, len(rows)), seed)
        pairs += [(value, -len(rows), piece, rows, vector) for value, vector in zip(values, vectors.T, strict=True)]
    pairs = sorted(pairs, key=lambda pair: pair[:3])[:count]
    vectors = np.zeros((len(degree), len(pairs)))
    for column, (*_, rows, vector) in enumerate(pairs):
        vectors[rows, column] = vector
    return np.asarray([pair[0] for pair in pairs]), vectors


def _connected(matrix: sp.csr_array, degree: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest eigenpairs of one connected component; the first, 0 and D^1/2 1, is known exactly."""
    n = len(degree)
    first = np.sqrt(degree / degree.sum()) if degree.sum() > 0 else np.ones(n)
    if n <= max(DENSE, 4 * count):
        with few_threads(n**2):
            values, vectors = scipy.linalg.eigh(matrix.toarray(), subset_by_index=[0, count - 1])
    else:
        values, vectors = _sparse(matrix, n, count, seed)
    values[0], vectors[:, 0] = 0.0, first
    return np.clip(values, 0.0, 2.0), vectors


def _sparse(matrix: sp.csr_array, n: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """ARPACK on I - L, whose largest eigenvalues it finds quickly; LOBPCG if it does not converge.

    Where the samples lie along curves or sheets, the smallest eigenvalues are crowded at 0 and take ARPACK minutes; but
    then L is narrow, and is inverted.
    """
    start = np.random.default_rng(seed).uniform(0.5, 1, n)
    narrow = n > FEW and _profile(matrix) <= NARROW * n
    shifted = sp.csr_array(sp.eye_array(n) - matrix)
    try:
        with few_threads(0):  # many small steps, which several threads would only slow down
            if narrow:
                return _inverted(matrix, count, start)
            values, vectors = eigsh(shifted, k=count, which="LA", v0=start)
    except ArpackNoConvergence:
        guess = np.random.default_rng(seed).normal(size=(n, count))
        values, vectors = lobpcg(shifted, guess, largest=True, tol=1e-9, maxiter=2000)[:2]
    order = np.argsort(-values)
    return 1 - values[order], vectors[:, order]


def _profile(matrix: sp.csr_array) -> int:
    """A bound of the entries that a factorization of L fills: between each row's first entry and the diagonal.

    In the order of reverse Cuthill-McKee, which puts neighbours near each other (George and Liu 1981).
    """
    order = reverse_cuthill_mckee(sp.csr_matrix(matrix), symmetric_mode=True)
    coordinates = sp.csr_array(matrix)[order][:, order].tocoo()
    first = np.arange(len(order))
    np.minimum.at(first, coordinates.row, coordinates.col)
    return int((np.arange(len(order)) - first).sum())


def _inverted(matrix: sp.csr_array, count: int, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ARPACK on the inverse of L, shifted by as little as keeps it regular."""
    n = len(start)
    shifted = sp.csc_array(matrix + SHIFT * sp.eye_array(n))
    solver = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    inverse = LinearOperator((n, n), matvec=solver.solve, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    values, vectors = eigsh(matrix, k=count, sigma=-SHIFT, which="LM", OPinv=inverse, v0=start)
    order = np.argsort(values)
    return values[order], vectors[:, order]


def _signs(vectors: np.ndarray) -> np.ndarray:
    """+-1 for each column, making the entry of largest magnitude positive; the first of those equal up to rounding."""
    size = np.abs(vectors)
    first = np.argmax(size >= size.max(0) * (1 - 1e-6), axis=0)
    return np.where(vectors[first, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
