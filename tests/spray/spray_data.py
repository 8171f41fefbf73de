"""Small data that every spray test uses."""

import numpy as np
import xarray as xr


def blobs(n=60, features=12, centres=3, spread=0.3, seed=0):
    """Points around `centres` random centres; ids are neither sorted nor dense. Returns (data, true centre)."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % centres
    points = rng.normal(size=(centres, features))[truth] * 3 + spread * rng.normal(size=(n, features))
    ids = rng.permutation(10 * n)[:n]
    return xr.DataArray(points, dims=["sample", "feature"], coords={"sample": ids}, name="points"), truth


def noise(n=50, features=8, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.permutation(10 * n)[:n]
    return xr.DataArray(
        rng.normal(size=(n, features)), dims=["sample", "feature"], coords={"sample": ids}, name="noise"
    )


def shuffled(data, seed=1):
    return data.isel(sample=np.random.default_rng(seed).permutation(data.sizes["sample"]))
