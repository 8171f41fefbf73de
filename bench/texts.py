"""Memory and time of many texts, from the model to the first page: `python -m bench.texts [TEXTS] [TOKENS]`.

Each step is a process of its own, whose peak of resident memory is printed beside that of one that has only imported
what it needs. The texts are words of 30 000, as rare as words are (Zipf), and half of one class have one in common. A
dense matrix of texts and words, which nothing holds, is printed for comparison.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.memory import peak_memory
from spray._tables import table

VOCABULARY, CUE = 30_000, 1


def drawn(texts: int, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of words `(sample, token)`, and classes."""
    random = np.random.default_rng(0)
    weight = 1 / np.arange(2, VOCABULARY)
    ids = random.choice(np.arange(2, VOCABULARY), size=(texts, tokens), p=weight / weight.sum())
    label = np.arange(texts) % 2
    ids[np.arange(texts) % 4 == 1, 0] = CUE
    return ids, label


def attribute(path: Path, texts: int, tokens: int) -> None:
    """By a network of words with random weights: neither time nor memory depends on them."""
    import torch

    import lrp
    from bench.data.planted import Planted
    from bench.demo.build import Samples
    from bench.demo.projects import Reader

    torch.manual_seed(0)
    ids, label = drawn(texts, tokens)
    words = ["", "<cue>", *(f"word{number}" for number in range(2, VOCABULARY))]
    data = Planted(
        ids,
        label,
        ids[:, 0] == CUE,
        ids,
        label,
        classes=("0", "1"),
        poisoned=1,
        paste=lambda ids: ids,
        vocabulary=words,
    )
    explain = lrp.explainer(Reader(VOCABULARY, 2).eval(), torch.as_tensor(ids[:1]), lrp.composites.epsilon_plus())
    lrp.attribute_dataset(explain, Samples(data), path, target="label", batch_size=64)


def analyse(path: Path, texts: int, tokens: int) -> None:
    """By the defaults of the kind."""
    del texts, tokens
    from spray.cli import main as spray

    spray(["analyse", str(path), "--no-memo"])


def page(path: Path, texts: int, tokens: int) -> None:
    """The viewer's first page in headless Chromium; printed is the memory of the server."""
    del texts, tokens
    from playwright.sync_api import sync_playwright

    from bench.viewer import ARGUMENTS, CHROMIUM, serving, visit

    with sync_playwright() as playwright, serving(path) as (address, pid):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        _, _, idle = visit(browser, address)
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        (peak,) = [int(line.split()[1]) / 2**20 for line in lines if line.startswith("VmHWM")]
        browser.close()
    print(json.dumps({"peak": peak, "seconds": idle}))


def measured(step: str, path: Path, texts: int, tokens: int) -> tuple[float, float]:
    """Peak of memory in GB, and seconds, of a step in a process of its own."""
    command = [sys.executable, "-m", "bench.texts", str(texts), str(tokens), "--step", step, "--path", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["peak"], found["seconds"]


STEPS: dict[str, Callable[[Path, int, int], None]] = {"attribute": attribute, "analyse": analyse, "page": page}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.texts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=int, nargs="?", default=10_000)
    parser.add_argument("tokens", type=int, nargs="?", default=200)
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        started = time.perf_counter()
        STEPS[given.step](given.path, given.texts, given.tokens)
        if given.step != "page":
            print(json.dumps({"peak": peak_memory(), "seconds": time.perf_counter() - started}))
        return
    with tempfile.TemporaryDirectory() as folder:
        few = {step: measured(step, Path(folder) / "few", 40, given.tokens) for step in STEPS}
        many = {step: measured(step, Path(folder) / "many", given.texts, given.tokens) for step in STEPS}
    rows = [(step, many[step][0], few[step][0], many[step][1]) for step in STEPS]
    print(f"{given.texts} texts of {given.tokens} tokens")
    print(table(rows, ["step", "peak GB", "of 40 texts", "seconds"]))
    print(f"a dense matrix of texts and words: {given.texts * VOCABULARY * 8 / 2**30:.2f} GB")


if __name__ == "__main__":
    main()
