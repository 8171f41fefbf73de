"""`lrp conditions`: conditional heatmaps of chosen samples, from the command line into the project."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import lrp
import spray
from lrp.cli.group import main
from lrp.dataset.claims import held
from spray import cli as spray_cli
from spray.store import findings

CODE = """
from torch import nn
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 3, padding=1)
    def forward(self, x):
        return x + self.inner(x).relu()
def small():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), Block(), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
"""
MODEL = ["--model", "residual_model:small"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small residual network, and its project with the layer 2.inner asked for."""
    folder = tmp_path_factory.mktemp("conditions")
    (folder / "residual_model.py").write_text(CODE)
    space: dict = {}
    exec(CODE, space)
    torch.manual_seed(0)
    model: nn.Module = space["small"]().eval()
    torch.save(model.state_dict(), folder / "model.pt")
    x, y = torch.randint(256, (20, 1, 6, 6)) / 255, torch.arange(20) % 2  # as bytes hold them
    explain = lrp.explainer(model, x[:1], lrp.composites.epsilon_gamma_box(0.0, 1.0))
    np.savez(folder / "data.npz", images=x.numpy(), labels=y.numpy())
    words = (
        f"attribute --data {folder}/data.npz --kind image --target label --concepts 2.inner --out {folder}/P --quiet"
    )
    sys.path.insert(0, str(folder))
    done = CliRunner().invoke(main, [*words.split(), *MODEL, "--weights", str(folder / "model.pt")])
    sys.path.remove(str(folder))
    assert done.exit_code == 0, done.output
    findings.keep(folder / "P", findings.Finding("two", samples=(2, 3)))
    return folder, explain, x, y


@pytest.fixture
def run(world, monkeypatch):
    monkeypatch.chdir(world[0])
    monkeypatch.delitem(sys.modules, "residual_model", raising=False)
    words = [*MODEL, "--weights", "model.pt", "--layer", "2.inner"]
    return lambda *more: CliRunner().invoke(main, ["conditions", "P", *words, *more])


def directly(world, sample, channels, beside):
    """Of one sample, by a mask of its own."""
    _, explain, x, y = world
    _, pullback = explain.program(explain.weights, x[sample : sample + 1])
    seed = torch.nn.functional.one_hot(y[sample : sample + 1], 2).float()
    mask = torch.zeros(1, 4, 1, 1)
    mask[:, list(channels)] = 1
    return pullback(seed, mask={"2.inner": mask}, beside=beside)[0].numpy()


def test_who_work_on_one_project_share_its_samples(world, tmp_path):
    """What another is at is left to it, and computed after all where it gives up; each heatmap is computed once."""
    _, explain, x, y = world
    data = torch.utils.data.TensorDataset(x[:8], y[:8])
    path = lrp.attribute_dataset(
        explain, data, tmp_path / "P", target="label", keep=lrp.Kept(kind="image"), progress=False
    )
    wanted = {sample: [(0,), (1, 3)] for sample in range(8)}

    def work(size):
        return lrp.attribute_conditions(explain, path, "2.inner", wanted, batch_size=size, progress=False)

    with ThreadPoolExecutor(3) as pool:
        with held(path, "conditions/2.inner/all/5") as mine:
            assert mine
            running = [pool.submit(work, size) for size in (2, 3, 4)]
            while len(list(path.glob("conditions/2.inner/all/*.nc"))) < 7:
                time.sleep(0.01)
                assert not any(one.done() for one in running)
        assert sum(one.result() for one in running) == 16
    for sample in (0, 5, 7):
        kept = spray.conditional_relevance(path, "2.inner", sample).sel(condition="1+3").values
        np.testing.assert_allclose(kept, directly(world, sample, [1, 3], True), atol=1e-6)
    assert work(2) == 0


@pytest.mark.parametrize("beside", [True, False])
def test_stored_heatmaps_are_those_of_a_mask(world, run, beside):
    word = "--beside" if beside else "--no-beside"
    done = run("--channels", "3,0+2", "--samples", "7,11", word)
    assert done.exit_code == 0, done.output
    assert "4 heatmaps of 2 samples in P/conditions, 4 of them new" in done.output
    for sample in (7, 11):
        kept = spray.conditional_relevance("P", "2.inner", sample, beside=beside)
        assert kept.dims == ("condition", "channel", "height", "width")
        for name, channels in (("3", [3]), ("0+2", [0, 2])):
            expected = directly(world, sample, channels, beside)
            np.testing.assert_allclose(kept.sel(condition=name).values, expected, rtol=1e-4, atol=1e-6)


def test_references_and_findings_are_samples_and_what_is_there_is_kept(world, run, capsys):
    best = spray.references(spray.open_attributions("P"), channels=[1], count=3).reference.values[0]
    done = run("--channels", "1", "--top", "3", "--out", "sheet.png")
    assert "3 heatmaps of 3 samples" in done.output and "3 of them new" in done.output
    assert all(spray.conditional_relevance("P", "2.inner", sample).condition[-1] == "1" for sample in best)
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (3 * 100 + 4, 3 * 100 + 4)
    again = run("--channels", "1-2", "--finding", "two")
    assert again.exit_code == 0 and "4 heatmaps of 2 samples" in again.output
    assert ", 0 of them new" in run("--channels", "1,2", "--finding", "two").output
    listed = {(s.layer, s.beside): s.samples for s in spray.stored_conditions("P")}
    assert set(listed["2.inner", True][2]) >= {"1", "2"}
    spray_cli.main(["info", "P"])
    assert "layer 2.inner, channels " in capsys.readouterr().out


def test_what_cannot_be_is_said(world, run, tmp_path):
    assert "one of --samples, --finding and --top" in run("--channels", "1").output
    assert "say of which samples" in run("--channels", "1", "--top", "3", "--samples", "7").output
    assert "has no samples 20" in run("--channels", "1", "--samples", "20").output
    assert "give numbers such as" in run("--channels", "x", "--samples", "7").output
    assert "has 4 channels, 0 to 3; got 9" in run("--channels", "9", "--samples", "7").output
    assert "there are: two" in run("--channels", "1", "--finding", "none").output
    other = run("--channels", "1", "--samples", "7", "--composite", "epsilon_plus")
    assert other.exit_code == 1 and "was made with another composite" in other.output


def test_a_file_of_another_model_is_refused(world, run):
    assert run("--channels", "1", "--samples", "5").exit_code == 0
    kept = spray.conditional_relevance("P", "2.inner", 5).assign_attrs(layer="2.inner", beside=True)
    from spray.concepts.conditional import write_conditions

    with pytest.raises(spray.ProjectError, match="made with another weights: delete the folder"):
        write_conditions("P", 5, kept, weights="others")
