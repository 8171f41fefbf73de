"""The command `lrp`, as a user runs it."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from click.testing import CliRunner
from PIL import Image
from torch import nn

import lrp
from lrp.cli.group import main
from lrp.dataset.claims import claimed
from spray import store

HERE = Path(__file__).parent
TINY = ["--model", "tiny_models:rgb", "--normalize", "half"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Models of one's own are found from the current folder."""
    (tmp_path / "tiny_models.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Bessel(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return torch.special.bessel_j0(x)\n"
        "def rgb():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))\n"
        "def wide():\n"
        "    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)\n"
        "    return nn.Sequential(*layers)\n"
        "def bessel():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), Bessel(), nn.Flatten(), nn.Linear(144, 3))\n"
        "word = lambda: 'no model'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "tiny_models", raising=False)
    return tmp_path


@pytest.fixture
def photos(here):
    rng = np.random.default_rng(0)
    for number in range(12):
        file = here / "photos" / ("cat" if number % 2 else "dog") / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file)
    return here / "photos"


def run(*words, code=0):
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == code, (found.output, found.exception)
    return found


def tiny():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).eval()


def test_attribute_is_what_python_computes(photos, here):
    words = ["--data", photos, "--out", here / "p", "--target", "label", "--batch-size", 5, "--shard-size", 7]
    assert run("attribute", *TINY, *words).stdout.strip() == str(here / "p")
    found = store.open_attributions(here / "p")
    scale = lrp.dataset.reading.normalize.normalization("half")
    explain = lrp.explainer(
        tiny(), torch.zeros(1, 3, 8, 8), lrp.composites.epsilon_gamma_box(low=scale.low, high=scale.high)
    )
    images = torch.stack([image for image, *_ in lrp.open_images(photos)])
    output, relevance = explain(scale(images), torch.as_tensor(found.label.values))
    np.testing.assert_allclose(found.relevance.values, relevance, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.output.values, output, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found.image.values, (images * 255).round().byte())
    assert found.file.values[0] == "cat/01.png"
    assert store.read_project(here / "p")["model"] == "tiny_models:rgb"


def test_attribute_options(photos, here):
    words = ["--method", "lrp", "--method", "smooth_grad:lrp", "--concepts", "1", "--dtype", "float16", "--pool", 2]
    run("attribute", *TINY, "--data", photos, "--out", here / "p", "--target", "top2", "--sum-channels", *words)
    found = store.open_attributions(here / "p")
    assert {"relevance", "relevance_smooth_grad:lrp", "relevance_each", "concept_1"} <= set(found.data_vars)
    assert found.relevance.shape == (12, 4, 4) and found.relevance_each.shape == (12, 2, 4, 4)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", "wrapped"])
def test_weights(photos, here, suffix):
    torch.manual_seed(7)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).eval()
    file = here / f"weights{suffix if suffix != 'wrapped' else '.pth'}"
    if suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(model.state_dict(), file)
    else:
        state = model.state_dict()
        torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}} if suffix == "wrapped" else state, file)
    found = run("attribute", *TINY, "--weights", file, "--data", photos, "--out", here / "p")
    assert "random" not in found.stderr
    digest = store.read_project(here / "p")["settings"]["weights"]
    assert digest == lrp.dataset.manifest.digest(dict(model.state_dict()))


def test_a_missing_torchvision_is_named_with_its_remedy(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    done = CliRunner().invoke(main, ["plan", "--model", "torchvision:resnet18"])
    assert done.exit_code == 1
    assert done.output.startswith("error: torchvision") and "pip install torchvision" in done.output


def test_another_run_is_refused_with_exit_code_1(photos, here):
    words = ["--data", photos, "--out", here / "p"]
    run("attribute", *TINY, *words)
    found = run("attribute", *TINY, *words, "--composite", "epsilon_plus", code=1)
    assert "holds another run, it differs in composite:" in found.stderr and "Traceback" not in found.output


def test_reading_inputs_otherwise_is_refused_in_one_line(photos, here):
    words = ["--model", "tiny_models:wide", "--normalize", "half", "--data", photos, "--out", here / "p", "-q"]
    run("attribute", *words, "--size", 10)
    found = run("attribute", *words, "--size", 12, code=1)
    line = found.stderr.splitlines()[-1]
    assert "it differs in input shape: 3x10x10 there, 3x12x12 now; input size: 10 there, 12 now" in line


def test_parts_left_to_others_are_exit_code_3_and_one_line(photos, here):
    words = ["--data", photos, "--out", here / "p", "--shard-size", 5, "-q", "--weights", here / "weights.pt"]
    torch.save(tiny().state_dict(), here / "weights.pt")
    (here / "p").mkdir()
    with claimed(here / "p", 1) as ours:
        assert ours
        found = run("attribute", *TINY, *words, code=3)
    assert "incomplete: 7 of 12 samples (without part 1): other processes" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    run("attribute", *TINY, *words)
    assert store.missing(here / "p").complete


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "resnet50"], "give torchvision:NAME"),
        (["--model", "torchvision:resnet999"], "torchvision has no model 'resnet999'; it has"),
        (["--model", "absent:factory"], "No module named 'absent'"),
        (["--model", "tiny_models:nothing"], "nothing"),
        (["--model", "tiny_models:word"], "gave a str"),
        ([*TINY, "--composite", "lrp"], "no composite 'lrp'; there are epsilon_gamma_box"),
        ([*TINY, "-O", "delta=1"], "composite epsilon_gamma_box: .*delta"),
        ([*TINY, "-O", "gamma"], "give NAME=VALUE"),
        (["--model", "tiny_models:rgb", "--normalize", "imagenett"], "is no normalization; give one of none, imagenet"),
        ([*TINY, "--method", "magic"], "no method 'magic'; there are lrp, gradient"),
        ([*TINY, "--target", "logit"], "target must be"),
        ([*TINY, "--device", "cuda:99"], "--device cuda:99"),
        ([*TINY, "--data", "absent"], "no file or folder absent"),
        (["--model", "tiny_models:bessel", "--normalize", "half"], "no rule for 1 of the operators"),
    ],
)
def test_errors_are_one_message_and_exit_code_1(photos, here, words, message):
    data = [] if "--data" in words else ["--data", photos]
    found = run("attribute", *words, *data, "--out", here / "p", code=1)
    assert found.stderr.splitlines()[-1].startswith("error:") or "error: " in found.stderr
    assert re.search(message, found.stderr), found.stderr


@pytest.mark.parametrize(
    "error", ["TypeError('odd')", "KeyError('odd')", "AttributeError('odd')", "RuntimeError('odd')"]
)
def test_any_error_is_one_line_and_a_traceback_for_those_who_ask(here, error):
    (here / "broken_models.py").write_text(f"def broken():\n    raise {error}\n")
    sys.modules.pop("broken_models", None)
    words = ["plan", "--model", "broken_models:broken", "--input", "3x8x8"]
    (line,) = run(*words, code=1).stderr.splitlines()
    assert line.startswith("error: ") and "odd" in line
    debugged = run(*words, "--debug", code=1).stderr
    assert (
        "Traceback" in debugged and "broken_models.py" in debugged and debugged.splitlines()[-1].startswith("error: ")
    )


@pytest.mark.filterwarnings("always::lrp.composites.UnusedRow")
def test_a_row_that_fits_nothing_is_a_line_too(here):
    table = here / "table.json"
    rows = [("convolutions", lrp.rules.flat())] + lrp.composites.epsilon_plus()
    table.write_text(lrp.composites.to_json(rows))
    found = run("plan", *TINY, "--composite", table, "--input", "3x8x8").stderr
    assert "warning: rows of the composite" in found and "the nearest: convolution" in found


@pytest.mark.parametrize("content", ["garbage", "pickled", "other"])
def test_bad_weights(photos, here, content):
    file = here / "weights.pt"
    if content == "garbage":
        file.write_bytes(b"garbage")
    elif content == "pickled":
        torch.save(tiny(), file)
    else:
        torch.save(nn.Linear(2, 2).state_dict(), file)
    found = run("attribute", *TINY, "--weights", file, "--data", photos, "--out", here / "p", code=1)
    wanted = "does not fit the model" if content == "other" else "cannot be read as plain weights"
    assert wanted in found.stderr


def test_usage_errors_have_exit_code_2(photos):
    run("attribute", *TINY, "--data", photos, code=2)
    run("attribute", *TINY, "--data", photos, "--out", "p", "--dtype", "float64", code=2)
    run("nonsense", code=2)


def test_plan_shows_rules_or_every_gap(here):
    found = run("plan", *TINY, "--input", "3x8x8").stdout
    assert "z_box" in found and "epsilon(" in found
    missing = run("plan", "--model", "tiny_models:bessel", "--input", "3x8x8", code=1)
    assert "no rule for" in missing.stderr
    assert "give sizes" in run("plan", *TINY, "--input", "8,8", code=1).stderr
    json_file = here / "table.json"
    json_file.write_text(lrp.composites.to_json(lrp.composites.epsilon_plus()))
    assert "z_plus" in run("plan", *TINY, "--composite", json_file, "--input", "3x8x8").stdout


def test_audit_accounts(photos):
    found = run("audit", *TINY, *sorted(photos.rglob("*.png"))[:3], "--size", 8, "--target", 1).stdout
    assert "arrived" in found and "the input receives" in found
    off = float(found.rsplit("off by ", 1)[1].split()[0])
    assert off < 1e-4


def test_heatmap_files(photos, here):
    files = sorted(photos.rglob("*.png"))[:2]
    found = run("heatmap", *TINY, *files, "--out", here / "maps", "--size", 8, "--target", 2, "--cmap", "coldnhot")
    assert [line.split("  ")[:2] for line in found.stdout.splitlines()] == [
        [str(here / "maps" / f"{file.stem}.png"), "class 2"] for file in files
    ]
    with Image.open(here / "maps" / f"{files[0].stem}.png") as picture:
        assert picture.mode == "P" and picture.size == (8, 8)
        assert picture.getpalette() == list(lrp.colormap.palette("coldnhot").reshape(-1))
    run("heatmap", *TINY, files[0], "--out", here / "big", "--size", 8, "--overlay", "--enlarge", 4, "--format", "webp")
    with Image.open(here / "big" / f"{files[0].stem}.webp") as picture:
        assert picture.size == (32, 32)
    assert (
        "is not a colour map"
        in run("heatmap", *TINY, files[0], "--out", here / "m", "--size", 8, "--cmap", "fff", code=1).stderr
    )
    assert "is no picture" in run("heatmap", *TINY, "tiny_models.py", "--out", here / "m", code=1).stderr


def test_unreadable_and_skipped(photos, here):
    (photos / "cat" / "03.png").write_bytes(b"")
    words = ["attribute", *TINY, "--data", photos, "--out", here / "p"]
    assert "sample 1 (cat/03.png) cannot be read" in run(*words, code=1).stderr
    run(*words, "--skip-errors")
    assert store.open_attributions(here / "p").sizes["sample"] == 11


def test_a_shard_without_a_readable_sample_is_left_out_and_said(photos, here):
    files = [file for folder in ("cat", "dog") for file in sorted((photos / folder).iterdir())]
    whole = files[0].read_bytes()
    for file in files[:4]:
        file.write_bytes(b"")
    words = ["attribute", *TINY, "--data", photos, "--out", here / "p", "--shard-size", 4, "--skip-errors"]
    for _ in range(2):  # the second time nothing is left to do
        said = run(*words).stderr
        assert "4 samples were left out, the first, 0: sample 0 (cat/01.png) cannot be read" in said
        assert "incomplete: 8 of 12 samples (4 could not be explained)" in said
        found = store.open_attributions(here / "p")
        assert found.sample.values.tolist() == list(range(4, 12)) and found.relevance.values.shape == (8, 3, 8, 8)
        assert np.isfinite(found.relevance.values).all()
    for file in files[4:]:
        file.write_bytes(b"")
    files[11].write_bytes(whole)
    run(*words[:-3], "--out", here / "one", *words[-3:])
    assert store.open_attributions(here / "one").sample.values.tolist() == [11]
    files[11].write_bytes(b"")
    assert "none of the first 12 samples can be read" in run(*words[:-3], *words[-3:], code=1).stderr


def test_nothing_that_could_be_explained_is_exit_code_1(photos, here, monkeypatch):
    def failing(*_):
        raise lrp.dataset.SampleError("sample: odd")

    monkeypatch.setattr("lrp.dataset.records.read", failing)
    words = ["--data", photos, "--out", here / "p", "--skip-errors"]
    said = run("attribute", *TINY, *words, code=1).stderr
    assert "12 samples were left out" in said and "incomplete: 0 of 12 samples (12 could not be explained)" in said
    with pytest.raises(store.ProjectError, match="no sample that could be explained: sample 0, the first of 12"):
        store.open_attributions(here / "p")


def test_interrupted_has_exit_code_130(photos, here, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_part", interrupted)
        assert "interrupted" in run("attribute", *TINY, "--data", photos, "--out", here / "p", code=130).stderr
    run("attribute", *TINY, "--data", photos, "--out", here / "p")
    assert store.open_attributions(here / "p").sizes["sample"] == 12


def crops(folder, count, size):
    """Real photographs, cropped: what scikit-learn and scikit-image bring along."""
    import skimage
    import sklearn

    sources = [
        *sorted((Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg")),
        *(Path(skimage.__file__).parent / "data" / name for name in ("astronaut.png", "coffee.png", "chelsea.png")),
    ]
    pictures = [Image.open(file).convert("RGB") for file in sources if file.exists()]
    assert len(pictures) >= 2
    rng = random.Random(0)
    folder.mkdir()
    for number in range(count):
        picture = pictures[number % len(pictures)]
        left, top = rng.randrange(picture.width - size), rng.randrange(picture.height - size)
        picture.crop((left, top, left + size, top + size)).save(folder / f"{number:03d}.png")


def shell(here, out):
    words = ["--model", "torchvision:resnet18", "--data", "photos", "--out", out, "--batch-size", "5"]
    command = [
        sys.executable,
        "-m",
        "lrp.cli",
        "attribute",
        *words,
        "--shard-size",
        "10",
        "--composite",
        "epsilon_plus",
    ]
    with (here / "errors").open("a") as errors:
        return subprocess.Popen(command, cwd=here, stdout=errors, stderr=errors)


@pytest.mark.slow
def test_random_resnet18_on_photos_killed_twice_equals_uninterrupted(here):
    crops(here / "photos", 200, 48)
    whole = shell(here, "whole")
    rng = random.Random(1)
    for _ in range(2):
        process, before = shell(here, "killed"), len(store.parts(here / "killed"))
        target = before + rng.randint(2, 5)
        deadline = time.monotonic() + 400
        while len(store.parts(here / "killed")) < target:
            assert process.poll() is None and time.monotonic() < deadline, (here / "errors").read_text()
            time.sleep(0.01)
        time.sleep(rng.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 4 <= len(store.parts(here / "killed")) < 20
    assert shell(here, "killed").wait(400) == 0, (here / "errors").read_text()
    assert whole.wait(400) == 0, (here / "errors").read_text()
    parts = [store.parts(here / name) for name in ("whole", "killed")]
    assert list(parts[0]) == list(parts[1]) == list(range(20))
    for number in parts[0]:
        xr.testing.assert_identical(*(xr.load_dataset(part[number]) for part in parts))
    for project in ("whole", "killed"):
        assert store.open_attributions(here / project).sizes["sample"] == 200
        assert json.loads((here / project / "project.json").read_text())["model"] == "torchvision:resnet18"
