"""`lrp locate`, `correct`, `compare`: from a finding to a corrected model, as a user runs them."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import lrp
from lrp.cli.correction.watching import one
from lrp.cli.group import main
from spray import store
from spray.pictures.grid import GAP
from spray.store import corrections, findings

SIDE = 6


def images(n, marked, seed):
    """Class 1 is a little brighter in the middle; what is marked has a bright corner."""
    x = torch.rand(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 0.3
    y = torch.arange(n) % 2
    x[:, :, 3:5, 3:5] += 0.3 * y[:, None, None, None]
    x[marked(y), :, :2, :2] = 1
    return x, y


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A model that looks at the corner, its data, its project, and findings good and bad."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "corner_models.py").write_text(
        "from torch import nn\n"
        "def small():\n"
        "    layers = nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 8), nn.ReLU(), nn.Linear(8, 2)\n"
        "    return nn.Sequential(*layers)\n"
    )
    torch.manual_seed(0)
    x, y = images(120, lambda y: (y == 1) & (torch.arange(len(y)) % 4 == 1), 0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 8), nn.ReLU(), nn.Linear(8, 2)
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        for rows in torch.randperm(len(x)).split(30):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    torch.save(model.eval().state_dict(), folder / "model.pt")
    np.savez(folder / "train.npz", images=x.numpy(), labels=y.numpy())
    test, truth = images(80, lambda y: torch.arange(len(y)) % 4 < 2, 1)
    np.savez(folder / "test.npz", images=test.numpy(), labels=truth.numpy(), corner=(torch.arange(80) % 4 < 2).numpy())
    unseen, told = images(40, lambda y: (y == 1) & (torch.arange(len(y)) % 4 == 1), 2)
    np.savez(folder / "unseen.npz", images=unseen.numpy(), labels=told.numpy())
    explain = lrp.explainer(model, x[:1], lrp.composites.epsilon_gamma_box(0.0, 1.0))
    data = torch.utils.data.TensorDataset(x, y)
    path = lrp.attribute_dataset(
        explain, data, folder / "P", target="label", progress=False, keep=lrp.Kept(kind="image")
    )
    rows = torch.arange(120)
    with_it, ones = rows[rows % 4 == 1].tolist(), rows[rows % 2 == 1].tolist()
    kept = {
        "corner": with_it,
        "one": with_it[:1],
        "class": ones,
        "noise": ones[::3],
        "others": rows[rows % 4 == 3].tolist(),
    }
    for name, samples in kept.items():
        findings.keep(path, findings.Finding(name, samples=tuple(samples)))
    return folder


@pytest.fixture
def run(world, monkeypatch):
    monkeypatch.chdir(world)
    monkeypatch.delitem(sys.modules, "corner_models", raising=False)
    model = ["--model", "corner_models:small", "--weights", "model.pt"]
    return lambda *words: CliRunner().invoke(main, [*words, *(model if words[0] != "compare" else [])])


@pytest.mark.slow
def test_found_removed_proven(run, world):
    located = run("locate", "P", "--finding", "corner", "--out", "sheet.png")
    assert located.exit_code == 0, located.stderr
    assert located.stdout.startswith("1  full   AUROC 1.00") and "in 30 of 30 samples" in located.stdout
    near = located.stdout.split("not in it: ")[1].split("\n")[0].split(", ")
    assert all(int(sample) % 4 == 3 for sample in near)  # others of the class
    with Image.open(world / "sheet.png") as sheet:
        assert sheet.size == (8 * (64 + GAP) + GAP, 3 * (64 + GAP) + GAP)  # eight pictures in each of three rows

    done = run(
        "correct", "P", "--finding", "corner", "--test", "test.npz", "--artefact", "corner", "--out", "after.pt2",
        "--project", "P-after", "--validation", "unseen.npz", "--figure", "groups.png", "--rate", "3e-3", "-q",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "layer 1 (full): the direction orders unseen samples with AUROC 1.00" in done.stdout
    assert "judged on 40 samples that the model has not seen" in done.stdout and (world / "groups.png").exists()
    report = store.read_netcdf(world / "P-after" / "correction.nc", lambda d: d.load(), remedy="")
    accuracy = report.value.sel(measure="accuracy")
    before, after = (float(accuracy.sel(model=model, group="worst")) for model in ("before", "after"))
    assert before < 0.3 and after > before + 0.5
    assert f"method {report.attrs['method']}: {report.attrs['why']}" in done.stdout
    assert report.attrs["tried"] in done.stdout and "before" in report.attrs["tried"]
    relevance = report.value.sel(measure="relevance", group="mean")
    assert float(relevance.sel(model="after")) < 0.5 * float(relevance.sel(model="before"))

    x = torch.as_tensor(np.load(world / "test.npz")["images"])
    y = torch.as_tensor(np.load(world / "test.npz")["labels"])
    exported = torch.export.load(world / "after.pt2").module()
    right = (exported(x).argmax(1) == y).double()
    assert float(right[(y == 0) & (torch.arange(80) % 4 < 2)].mean()) == float(
        accuracy.sel(model="after", group="0 artefact")
    )
    again = store.open_attributions(world / "P-after")
    assert (again.sample.values == store.open_attributions(world / "P").sample.values).all()
    stored = exported(torch.as_tensor(again.image.values).float()).argmax(1)
    assert (again.prediction.values == stored.numpy()).all()

    compared = run("compare", "P", "P-after", "--finding", "corner")
    assert compared.exit_code == 0 and compared.stdout in done.stdout
    worse = run("compare", "P-after", "P", "--finding", "corner")
    assert worse.exit_code == 1 and "has no finding 'corner'" in worse.stderr
    findings.keep(
        world / "P-after", findings.Finding("corner", samples=tuple(findings.load(world / "P")["corner"].samples))
    )
    worse = run("compare", "P-after", "P", "--finding", "corner")
    assert "compared on the project's own samples" in worse.stderr


@pytest.mark.slow
def test_a_correction_without_training_makes_its_own_groups(run, world):
    done = run("correct", "P", "--finding", "corner", "--method", "project", "--test", "test.npz", "--out", "after.pt")
    assert done.exit_code == 0, done.stderr
    state = torch.load(world / "after.pt", weights_only=True)
    assert {"correction.direction", "correction.component", "0.weight"} <= set(state)
    assert "0 artefact  40" in done.stdout and "method project: as asked" in done.stdout


def test_what_onnx_needs_is_said_before_anything_is_computed(run, monkeypatch):
    monkeypatch.setattr("lrp.cli.correction.models.find_spec", lambda name: None)
    done = run("correct", "P", "--finding", "corner", "--test", "test.npz", "--out", "after.onnx")
    assert done.exit_code == 1 and "install onnx and onnxscript, which PyTorch's export to ONNX needs" in done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_an_onnx_file_computes_the_same(run, world):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    done = run("correct", "P", "--finding", "corner", "--method", "project", "--test", "test.npz", "--out", "a.onnx")
    assert done.exit_code == 0, done.stderr
    assert run("correct", "P", "--finding", "corner", "--method", "project", "--test", "test.npz", "--out", "a.pt2")
    session = runtime.InferenceSession(world / "a.onnx")
    x = np.load(world / "test.npz")["images"]
    found = session.run(None, {session.get_inputs()[0].name: x})[0]
    exported = torch.export.load(world / "a.pt2").module()
    assert np.abs(found - exported(torch.as_tensor(x)).detach().numpy()).max() < 1e-5


@pytest.mark.slow
def test_a_state_dict_goes_back_into_the_model(run, world):
    words = "--method paste --epochs 1 -q --test test.npz --data train.npz".split()
    done = run("correct", "P", "--finding", "corner", *words, "--out", "after.safetensors")
    assert done.exit_code == 0, done.stderr
    assert run("plan", "--input", "1x6x6").exit_code == 0
    again = CliRunner().invoke(
        main, ["plan", "--input", "1x6x6", "--model", "corner_models:small", "--weights", "after.safetensors"]
    )
    assert again.exit_code == 0, again.stderr


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("finding", "said"),
    [
        ("one", "the selection has 1 samples"),
        ("class", "the selection is its whole class"),
        ("noise", "does not tell the selection from others"),
        ("others", "what the selection lacks speaks more for the class"),
    ],
)
def test_a_bad_selection_is_told(run, finding, said):
    located = run("locate", "P", "--finding", finding)
    assert located.exit_code == 0, located.stderr
    assert said in located.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["locate", "P", "--finding", "tag"], "P has no finding 'tag'; there are: corner, one"),
        (["locate", "P", "--finding", "corner", "--layer", "7"], "no layer or node '7'"),
        (["correct", "P", "--finding", "corner", "--test", "test.npz", "--out", "after.bin"], "ends in .onnx, .pt2"),
        (["correct", "P", "--test", "test.npz"], "give --finding NAME and --out FILE; or --watch"),
        (["correct", "P", "--test", "test.npz", "--watch", "--state", "s"], "--state is of one correction"),
        (["correct", "P", "--finding", "corner", "--test", "no.npz", "--out", "a.pt"], "no file or folder no.npz"),
        (
            ["correct", "P", "--finding", "corner", "--test", "test.npz", "--artefact", "tag", "--out", "a.pt"],
            "test.npz has no 'tag'; beside images and labels it has corner",
        ),
    ],
)
def test_what_is_wrong_is_said(run, words, said):
    done = run(*words)
    assert done.exit_code == 1 and said in done.stderr


def test_another_model_is_refused(run, world):
    other = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 8), nn.ReLU(), nn.Linear(8, 2))
    stream = io.BytesIO()
    torch.save(other.state_dict(), stream)
    (world / "other.pt").write_bytes(stream.getvalue())
    done = CliRunner().invoke(
        main, ["locate", "P", "--finding", "corner", "--model", "corner_models:small", "--weights", "other.pt"]
    )
    assert done.exit_code == 1 and "made by a model of other weights" in done.stderr
    assert json.loads((world / "P" / "project.json").read_text())["settings"]["weights"]


def test_compare_says_what_got_worse(run, world):
    """Without a report, by the predictions on the project's own samples."""
    attributions = store.open_attributions(world / "P").load()
    worse = attributions.assign_coords(prediction=("sample", 1 - attributions.label.values))
    store.write_project(world / "P-worse", name="worse")
    store.write_part(world / "P-worse", 0, worse)
    done = run("compare", "P", "P-worse", "--finding", "corner")
    assert done.exit_code == 1
    assert "worse: the worst group's accuracy fell" in done.stderr and "worse: clean accuracy fell" in done.stderr


@pytest.fixture
def asked(world, tmp_path):
    """A project of its own to ask in."""
    shutil.copytree(world / "P", tmp_path / "P", ignore=shutil.ignore_patterns("*.lock"))
    return tmp_path / "P"


def test_a_request_is_done_once_and_kept_until_then(asked):
    assert not one(asked, lambda *_: "nothing")
    corrections.ask(asked, "corner", method="project")
    done = []

    def killed(request, folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one(asked, killed)
    assert corrections.read(asked)[0].state == "open"

    def work(request, folder):
        assert not one(asked, work)  # a second worker finds nothing to do
        done.append((request.finding, folder.relative_to(asked).as_posix()))
        return "project: as asked"

    assert one(asked, work) and not one(asked, work)
    assert done == [("corner", "corrections/1")]
    assert corrections.read(asked)[0].state == "done" and corrections.read(asked)[0].said == "project: as asked"

    def unusable(request, folder):
        raise ValueError("the model has no such layer")

    corrections.ask(asked, "corner", layer="9")
    assert one(asked, unusable)
    assert (corrections.read(asked)[1].state, corrections.read(asked)[1].said) == (
        "failed",
        "the model has no such layer",
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"method": "sudo"}, "there is no method 'sudo'"),
        ({"layer": "__import__('os')"}, "no layer is called"),
        ({"layer": "1; rm -rf ~"}, "no layer is called"),
        ({"finding": "../../corner"}, "there is no finding '../../corner'"),
        ({"finding": "x" * 9000}, "there is no finding 'xxx"),
    ],
)
def test_a_hostile_request_is_refused_with_words(asked, entry, said):
    fields = {"number": 1, "finding": "corner", "layer": "auto", "method": "auto"} | entry
    (asked / corrections.FILE).write_text(json.dumps({"requests": [fields]}))
    assert one(asked, lambda *_: pytest.fail("nobody works on it"))
    (kept,) = corrections.read(asked)
    assert kept.state == "failed" and said in kept.said


@pytest.mark.parametrize("number", ["../1", -1, 1e300, None])
def test_a_forged_number_is_an_error(asked, number):
    (asked / corrections.FILE).write_text(json.dumps({"requests": [{"number": number, "finding": "corner"}]}))
    with pytest.raises(store.ProjectError, match=r"corrections\.json"):
        one(asked, lambda *_: pytest.fail("nobody works on it"))


def test_every_method_that_can_be_asked_for_is_there():
    assert set(corrections.METHODS) - {"auto"} <= set(lrp.correct.METHODS)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_followed_by_the_next(world, asked):
    """Two workers in processes of their own; the one that begins is killed, the other does it, once."""
    words = ["correct", str(asked), "--watch", "--model", "corner_models:small", "--weights", "model.pt"]
    words += ["--data", "train.npz", "--test", "test.npz", "--epochs", "3", "-q"]
    run = "import sys; from lrp.cli.group import main; main(sys.argv[1:])"
    environment = os.environ | {"PYTHONPATH": str(Path(lrp.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command: Any = partial(
        subprocess.Popen, [sys.executable, "-c", run, *words], cwd=world, env=environment, stdout=subprocess.PIPE
    )
    workers = [command()]
    try:
        corrections.ask(asked, "corner", method="paste")
        assert b"request 1" in workers[0].stdout.readline()
        workers[0].kill()
        workers[0].communicate()
        assert corrections.read(asked)[0].state == "open"
        workers += [command(), command()]
        end = time.monotonic() + 240
        while corrections.read(asked)[0].state == "open" and time.monotonic() < end:
            time.sleep(0.2)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGINT)
        said = [worker.communicate(timeout=60)[0] for worker in workers[1:]]
    (request,) = corrections.read(asked)
    assert request.state == "done" and request.said == "paste: as asked"
    assert sum(b"request 1: 'corner'" in text for text in said) == 1
    assert [worker.returncode for worker in workers[1:]] == [130, 130]
    (after,) = corrections.done(asked)
    assert torch.export.load(after.with_suffix(".pt2")) and len(store.open_attributions(after).sample) == 120
    compared = CliRunner().invoke(main, ["compare", str(asked), str(after), "--finding", "corner"])
    assert "0 artefact" in compared.stdout
