"""How long large samples take to be drawn, from the address to the picture in a browser: `python -m bench.kinds`.

An ECG of 12 leads and 5000 steps and a volume of 128^3, of which a part of the project is read, as overlay; 0.3 s is
asked for. The first picture of a project is apart: its file's digest is checked, and the range of all inputs told.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import spray
from bench.viewer import ARGUMENTS, CHROMIUM, READY, serving

N, ASKED = 12, 0.3
SHAPES = {"signal": (12, 5000), "volume": (128, 128, 128)}
DRAW = """address => new Promise((done, fail) => {
    const image = new Image(), from = performance.now()
    image.onload = () => image.decode().then(() => done((performance.now() - from) / 1000))
    image.onerror = fail
    image.src = address
})"""


def write(path: Path, kind: str) -> None:
    random = np.random.default_rng(0)
    inputs = random.random((N, *SHAPES[kind]), np.float32)
    points = random.normal(size=(N, 2))
    spray.write_arrays(path, relevance=inputs - 0.5, inputs=inputs, kind=kind, embedding=points)


def main() -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for kind, shape in SHAPES.items():
            path = Path(folder) / kind
            write(path, kind)
            with serving(path) as (address, _):
                page = browser.new_page()
                page.goto(address)
                page.wait_for_function(READY)
                took = [page.evaluate(DRAW, f"{address}/image/{kind}/{sample}/overlay.png") for sample in range(N)]
            typical = statistics.median(took[1:])
            met = "met" if typical <= ASKED else "MISSED"
            size = " x ".join(map(str, shape))
            print(f"{kind} {size}: first {took[0]:.3f} s, then {typical:.3f} s (asked {ASKED} s, {met})")
        browser.close()


if __name__ == "__main__":
    main()
