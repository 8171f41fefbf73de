"""How fast the viewer answers in a real browser: `python -m bench.viewer [n ...]`.

For each number of samples (64x64 images, 8x8 above 100 000, which else were 20 GB) a project is written, `bokeh serve
viewer` is started on it, and headless Chromium measures: first paint, first idle (of the first visitor, for whom the
project is opened, and of the next ones), a selection until the gallery's 20 pictures are drawn, the picture under the
pointer, and the server's memory for each further session. All but the first visitor's are medians.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
from playwright.sync_api import Browser, Page, sync_playwright
from tqdm import tqdm

from spray import store

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking", "--no-first-run"]
SIDE, SMALL, PART, CLUSTERS, REPEATS, SESSIONS, SETTLED = 64, 8, 10_000, 10, 3, 4, 3
DIMS = ("sample", "channel", "height", "width")
IDLE, PAINT, HOVERED, MEMORY = "first idle", "first paint", "hover to picture", "memory a session, MB"
SELECTIONS = {"1 000 selected to gallery": 1000, "30 % selected to gallery": 0.3, "70 % selected to gallery": 0.7}
FEW, SOME, MOST = SELECTIONS
ASKED = {
    100_000: {IDLE: 1.14, FEW: 0.37, MOST: 0.4, HOVERED: 0.074, MEMORY: 3.5},
    1_000_000: {IDLE: 2.5, SOME: 2.0, HOVERED: 0.15, MEMORY: 20},
}

READY = "() => document.documentElement.dataset.ready !== undefined && Bokeh.documents[0].is_idle"
SELECT = """([count, n, edge]) => new Promise(done => {
    const points = Bokeh.documents[0].get_model_by_name("points")
    const step = n / count
    const indices = Array.from({length: count}, (_, i) => Math.floor(i * step))
    const [x, y] = [[-99, edge, edge, -99], [-99, -99, 99, 99]] // a lasso around all left of the edge
    const from = performance.now()
    const wanted = `of ${count} selected`
    const find = (node, out = []) => {
        if (node.nodeName === "IMG") out.push(node)
        for (const child of node.children ?? []) find(child, out)
        if (node.shadowRoot) find(node.shadowRoot, out)
        return out
    }
    const says = (node) => [...node.children].some(child => child.shadowRoot
        ? says(child.shadowRoot) : child.textContent.includes(wanted) || says(child))
    const look = () => {
        const pane = document.querySelector(".samples")
        const images = find(pane.querySelector(".pane"))
        for (const image of images) image.loading = "eager"
        if (says(pane) && images.length === 20 && images.every(image => image.complete && image.naturalWidth)) {
            requestAnimationFrame(() => done((performance.now() - from) / 1000))
        } else setTimeout(look, 5)
    }
    if (points.get_length()) points.selected.indices = indices
    else window.brushed("scatter", {final: true, geometry: {type: "poly", x, y}})
    look()
})"""
HOVER = """([row, x, y]) => new Promise(done => {
    const figure = document.getElementById("preview")
    figure.querySelector("div").replaceChildren()
    const from = performance.now()
    const look = () => {
        const images = [...figure.querySelectorAll("img")]
        if (images.length && images.every(image => image.complete && image.naturalWidth)) {
            done((performance.now() - from) / 1000)
        } else setTimeout(look, 2)
    }
    window.pointAt({index: {indices: [row]}, geometry: {x, y}}, "scatter")
    look()
})"""


def write_project(path: Path, n: int) -> np.ndarray:
    """`n` samples of noise, one category of all; where they lie."""
    side = SIDE if n <= 100_000 else SMALL
    random = np.random.default_rng(0)
    group = random.integers(0, CLUSTERS, n)
    store.write_project(path, name=f"{n} samples", model="none", dataset="noise", label_names=map(str, range(CLUSTERS)))
    for number, start in enumerate(range(0, n, PART)):
        rows = np.arange(start, min(start + PART, n))
        image = random.integers(0, 256, (len(rows), 1, side, side), dtype=np.uint8)
        relevance = image.astype(np.float32) / 255 - 0.5
        facts = {"label": ("sample", group[rows]), "prediction": ("sample", group[rows])}
        part = xr.Dataset({"image": (DIMS, image), "relevance": (DIMS, relevance)}, {"sample": rows} | facts)
        store.write_part(path, number, part)
    turn = group * 2 * np.pi / CLUSTERS
    center = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 4
    points = (center + random.normal(0, 1, (n, 2))).astype(np.float32)
    category = xr.Dataset(
        {
            "tsne": (("sample", "axis"), points),
            "spectral": (("sample", "component"), random.normal(0, 1, (n, 8)).astype(np.float32)),
            "eigenvalue": ("component", np.linspace(0, 1, 8)),
            "cluster": (("clustering", "sample"), group[None].astype(np.int32)),
        },
        {"sample": np.arange(n), "clustering": [f"kmeans-{CLUSTERS}"]},
        {"n": n},
    )
    store.write_category(path, "spectral", "all", category)
    store.write_analysis_index(path, "spectral")
    return points


@contextmanager
def serving(*paths: Path) -> Iterator[tuple[str, int]]:
    """The address and the process id of a server on the projects."""
    command = [sys.executable, "-m", "bokeh", "serve", "viewer", "--port", "0", "--args", *map(str, paths)]
    with tempfile.NamedTemporaryFile("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            while not (found := re.search(r"running at: (http://\S+)", Path(log.name).read_text())):
                if server.poll() is not None:
                    raise RuntimeError(Path(log.name).read_text())
                time.sleep(0.05)
            yield found[1], server.pid
        finally:
            server.terminate()
            server.wait()


def memory(pid: int) -> float:
    """MB that the process has and shares with no other."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"Private_\w+:\s+(\d+) kB", text)) / 1024


def measure(browser: Browser, address: str, pid: int, points: np.ndarray) -> dict[str, float]:
    n, left = len(points), np.sort(points[:, 0])
    visit(browser, address)[0].close()  # Chromium itself starts, and compiles the page's scripts
    pages, paints, idles = zip(*(visit(browser, address) for _ in range(REPEATS)), strict=True)
    found = {PAINT: statistics.median(paints), IDLE: statistics.median(idles)}
    for name, share in SELECTIONS.items():
        count = min(1000, n // 2) if share == 1000 else int(n * share)
        edge = float(left[count - 1] + left[count]) / 2
        found[name] = statistics.median(page.evaluate(SELECT, [count, n, edge]) for page in pages)
    rows = range(n // 2, n // 2 + 9)
    found[HOVERED] = statistics.median(pages[0].evaluate(HOVER, [row, *points[row].tolist()]) for row in rows)
    time.sleep(SETTLED)  # the tests of what tells the last selections apart still run
    before = memory(pid)
    for _ in range(SESSIONS):
        visit(browser, address)
    time.sleep(SETTLED)
    found[MEMORY] = (memory(pid) - before) / SESSIONS
    return found


def visit(browser: Browser, address: str) -> tuple[Page, float, float]:
    """A new visitor's page, and the seconds until something was painted and until all was drawn and idle."""
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(address, wait_until="commit")
    page.wait_for_function(READY, polling=10)
    idle = page.evaluate("() => new Promise(done => requestAnimationFrame(() => done(performance.now() / 1000)))")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000")
    return page, paint, idle


def table(found: dict[int, dict[str, float]]) -> str:
    """One row a measure, one column a number of samples, with what is asked for beside."""
    head = ["seconds, unless said", *(f"n = {n}" for n in found)]
    rows = [head, *([name, *(_cell(n, name, found[n][name]) for n in found)] for name in found[min(found)])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0], "-|-".join("-" * width for width in widths), *lines[1:]])


def _cell(n: int, name: str, value: float) -> str:
    asked = ASKED.get(n, {}).get(name)
    if asked is None:
        return f"{value:.3f}"
    return f"{value:.3f}, {'met' if value <= asked else 'MISSED'} (asked {asked:g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, nargs="*", default=[1300, 10_000, 100_000])
    found = {}
    with sync_playwright() as playwright:
        for n in tqdm(parser.parse_args().n, unit="project", disable=None):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            with tempfile.TemporaryDirectory() as folder:
                points = write_project(Path(folder), n)
                with serving(Path(folder)) as (address, pid):
                    found[n] = measure(browser, address, pid, points)
            browser.close()
    print(table(found))


if __name__ == "__main__":
    main()
