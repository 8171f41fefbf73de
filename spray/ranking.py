"""How much structure there is: the eigengap and what follows from it."""

import numpy as np
import xarray as xr


def eigengap(eigenvalue: xr.DataArray) -> xr.Dataset:
    """K = argmax_k (lambda_{k+1} - lambda_k), the suggested number of clusters, and that gap (von Luxburg 2007, 8.3).

    `gap (component)`: what follows each eigenvalue; `eigengap`, `suggested_k` are scalars, 0 and 1 where there is
    one eigenvalue only. A large gap after the second or a later eigenvalue says that clusters are well apart.

    >>> import xarray as xr
    >>> eigengap(xr.DataArray([0.0, 0.1, 0.8, 0.9], dims="component")).suggested_k.item()
    2
    """
    values = eigenvalue.values
    if np.any(np.diff(values) < 0):
        raise ValueError("eigenvalues must ascend; sort them first")
    gaps = np.append(np.diff(values), np.nan)
    best = int(np.nanargmax(gaps)) if len(values) > 1 else 0
    gap = gaps[best] if len(values) > 1 else 0.0
    return xr.Dataset({"gap": ("component", gaps), "eigengap": float(gap), "suggested_k": best + 1})
