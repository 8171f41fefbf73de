"""What a person waits for before the first heatmap: `python -m bench.starting`.

The commands' help, each in a process of its own beside a bare Python and `import torch`; then for each model: making an
explainer, beside a bare `torch.export` of the same model, and reading it from a file, each in a process of its own that
has imported everything (at most 0.5 s is asked of a loaded ResNet-50). Medians of the rounds, which take turns.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "lrp --help": [sys.executable, "-m", "lrp.cli", "--help"],
    "lrp --version": [sys.executable, "-m", "lrp.cli", "--version"],
    "spray --help": [sys.executable, "-m", "spray.cli", "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
}
MODELS = {"resnet50": "epsilon_plus", "vgg16": "epsilon_plus", "densenet121": "epsilon_plus", "vit_b_16": "attn_lrp"}


def child(what: str, model: str, file: str) -> None:
    """One measurement; prints seconds of the clock and of cores as JSON."""
    import torch

    import lrp
    from lrp._torchvision import torchvision

    torch.manual_seed(0)
    x = torch.zeros(2, 3, 224, 224)
    network = None if what == "load" else getattr(torchvision().models, model)().eval()
    composite = getattr(lrp.composites, MODELS[model])()
    _ = lrp.load, lrp.explainer  # which import what they need
    start, work = time.perf_counter(), time.process_time()
    if what == "load":
        made = lrp.load(file)
    elif what == "export":
        made = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))  # type: ignore[arg-type]
    else:
        made = lrp.explainer(network, x, composite)  # type: ignore[arg-type]
    found = time.perf_counter() - start, time.process_time() - work
    if what == "make":
        lrp.save(made, file)  # type: ignore[arg-type]
    print(json.dumps(found))


def measured(what: str, model: str, file: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.starting", "--child", what, model, str(file)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    return tuple(json.loads(found))


def commands(rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - start)
    print("a fresh process of               seconds")
    for name, found in times.items():
        print(f"{name:<30} {median(found):9.2f}", flush=True)


def models(names: list[str], rounds: int) -> None:
    print("\nseconds of the clock (of cores)  bare export       explainer            load       MB", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            file = Path(folder) / f"{name}.safetensors"
            runs: dict[str, list[tuple[float, float]]] = {"export": [], "make": [], "load": []}
            for _ in range(rounds):
                for what, found in runs.items():
                    found.append(measured(what, name, file))
            told = [f"{median(t for t, _ in r):6.2f} ({median(w for _, w in r):5.2f})" for r in runs.values()]
            print(f"{name:<30} {'  '.join(told)} {file.stat().st_size / 1e6:8.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(*given.child)
    commands(given.rounds)
    models(given.models, given.rounds)
    return None


if __name__ == "__main__":
    main()
