"""The demo, whole: train, explain, analyse, serve, and find the planted Clever Hans with the mouse."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import spray

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "project"
    command = [sys.executable, "-m", "bench.demo", "--no-serve", "--out", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return path, done.stdout


def test_the_network_cheats_and_the_clusters_know(demo):
    _, printed = demo
    before, after = (float(x) for x in re.search(r"images: ([\d.]+)%, and ([\d.]+)%", printed).groups())
    assert before > 90 and after < before - 5
    boxed, others = (int(x) for x in re.search(r"corner: (\d+)% in boxed images, (\d+)%", printed).groups())
    assert boxed >= 2 * others
    assert float(re.search(r"kmeans-2 +AMI with the box ([\d.]+)", printed)[1]) > 0.5


def test_plain_xarray_reads_every_file(demo):
    path, _ = demo
    for file in [*(path / "attributions").glob("*.nc"), *(path / "analyses" / "spectral").glob("*.nc")]:
        with xr.open_dataset(file, engine="netcdf4") as opened:
            assert opened.load().sizes
    with xr.open_dataset(path / "analyses" / "spectral" / "1.nc") as found:
        assert found.spectral.dims == ("sample", "component") and found.cluster.dims == ("clustering", "sample")


def test_lasso_on_the_demo_shows_exactly_the_samples_inside(demo, serve, visit):
    path, _ = demo
    found = spray.open_analysis(path, "spectral")["1"]
    points = found.tsne.values
    # the boxed sample, and the circle of twelve corners around it, whose edge stays furthest from all points
    boxed = np.flatnonzero(spray.open_attributions(path).sel(sample=found.sample).boxed.values)
    far = np.sort(np.linalg.norm(points[boxed, None] - points, axis=2), axis=1)
    inside, outside = far[:, 4:20], far[:, 5:21]
    flat = np.cos(np.pi / 12)  # how near the circle's sides come
    margin = outside - (inside + outside) / (1 + flat)
    centre, edge = np.unravel_index(margin.argmax(), margin.shape)
    (x, y), radius = points[boxed[centre]], (inside + outside)[centre, edge] / (1 + flat)
    wanted = found.sample.values[np.hypot(*(points - (x, y)).T) < radius].tolist()
    viewer = visit("?category=1&embedding=tsne", at=serve(path))
    viewer.settled()
    viewer.circle(x, y, radius)
    viewer.expect_samples(wanted)
    viewer.settled()
