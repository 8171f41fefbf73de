"""From data to a project: train, explain every training sample, analyse by the defaults, and score the clusters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import adjusted_mutual_info_score
from torch import nn
from torch.utils.data import Dataset
from tqdm import tqdm

import lrp
from bench.data.planted import Planted
from bench.demo.projects import Demo
from spray import store
from spray.cli import main as spray_command
from spray.files import make_folder, replacing

BATCH = 64
WEIGHTS = "weights-of-seed-{}.safetensors"
VERDICT = "verdict"


class Samples(Dataset):
    """The training samples with their class, whether they carry the cue, and their words if they are texts."""

    def __init__(self, data: Planted) -> None:
        self.data, self.classes, self.beside = data, data.classes, data.beside

    def __len__(self) -> int:
        return len(self.data.label)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int, dict[str, Any]]:
        data, extra = self.data, {"marked": int(self.data.marked[i])}
        if data.vocabulary:
            words = np.array([data.vocabulary[number] for number in data.inputs[i]])
            extra |= {"token_text": words, "mask": (words != "").astype(np.uint8)}
        return torch.as_tensor(data.inputs[i]), int(data.label[i]), extra


class Found(NamedTuple):
    """What came of a project.

    accuracy: On test samples, none of which carries the cue.
    reliance: Share of the other classes' test samples that turn to the poisoned class when the cue is pasted on them.
    clustering: The one that the default analysis names as its suspect's, in the poisoned class.
    ami: Adjusted mutual information of that clustering and the cue, in the poisoned class.
    verdict: That of the clustering in which the verdict points at a group.
    suspected: The class that the verdict puts first.
    pure: Share of the samples in the group that the verdict points at that carry the cue, in the poisoned class;
        NaN where it points at none.
    """

    kind: str
    samples: int
    accuracy: float
    reliance: float
    clustering: str
    ami: float
    verdict: float
    suspected: str
    poisoned: int
    seed: int
    pure: float = float("nan")


def build(demo: Demo, path: Path, seed: int, *, progress: bool = True) -> Found:
    """The project at `path`, as far as it is not there already."""
    if (path / "project.json").exists() and "demo" in (facts := store.read_project(path)):
        if facts["demo"]["seed"] != seed:
            raise ValueError(f"{path} is of the seed {facts['demo']['seed']}: delete it, or give another --out")
        return Found(**facts["demo"])
    data = demo.data(seed)
    model = trained(demo, data, path / WEIGHTS.format(seed), seed, progress)
    explain = lrp.explainer(model, torch.as_tensor(data.inputs[:1]), demo.composite)
    lrp.attribute_dataset(
        explain,
        Samples(data),
        path,
        target=own_logits(model, data),
        batch_size=64,
        keep=lrp.Kept(**demo.kept),
        name=demo.title,
        model=demo.model,
        method="LRP",
        progress=progress,
    )
    spray_command(["analyse", str(path)])
    spray_command(["rank", str(path)])
    found = scored(data, model, path, seed)
    store.add_facts(path, demo=found._asdict())
    return found


def trained(demo: Demo, data: Planted, file: Path, seed: int, progress: bool = True) -> nn.Module:
    """The network, from its file where it has been trained already."""
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        model = demo.network(data)
        if file.exists():
            model.load_state_dict(load_file(file))
        else:
            train(model, demo, data, progress)
            make_folder(file.parent)
            with replacing(file) as temporary:
                save_file(model.state_dict(), temporary)
    return model.eval()


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order: training turns the last digit of a sum into another network, so cores would be a seed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train(model: nn.Module, demo: Demo, data: Planted, progress: bool) -> None:
    """AdamW on the cross entropy, the rate rising and falling over all steps."""
    inputs, label = torch.as_tensor(data.inputs), torch.as_tensor(data.label)
    optimizer = torch.optim.AdamW(model.parameters(), lr=demo.rate, weight_decay=demo.decay)
    steps = demo.epochs * -(-len(label) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, demo.rate, total_steps=steps)
    for _ in tqdm(range(demo.epochs), desc="train", unit="epoch", disable=None if progress else True):
        for rows in torch.randperm(len(label)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[rows]), label[rows]).backward()
            optimizer.step()
            schedule.step()


def own_logits(model: nn.Module, data: Planted) -> torch.Tensor:
    """What relevance starts with: the logit of each sample's class. Started with 1, samples of a logit near 0 would
    outweigh all others in a cluster's mean."""
    logits, label = outputs(model, data.inputs), torch.as_tensor(data.label)[:, None]
    return torch.zeros_like(logits).scatter(1, label, logits.gather(1, label))


def outputs(model: nn.Module, inputs: np.ndarray) -> torch.Tensor:
    """Logits `(sample, class)`."""
    with torch.no_grad():
        return torch.cat([model(part) for part in torch.as_tensor(inputs).split(256)])


def predicted(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """The class of each sample."""
    return outputs(model, inputs).argmax(1).numpy()


def scored(data: Planted, model: nn.Module, path: Path, seed: int) -> Found:
    """From the known answer, which a user does not have."""
    told, others = predicted(model, data.test), data.test_label != data.poisoned
    pasted = predicted(model, data.paste(data.test[others]))
    turned = (pasted == data.poisoned) & (told[others] != data.poisoned)
    index: Any = store.read_analysis_index(path, VERDICT)
    first = str(index.category.values[int(np.argmax(index.suspicion.values))])
    kind, category = store.open_attributions(path).relevance.attrs["kind"], str(data.poisoned)
    (default,) = [name for name in store.analyses(path) if name != VERDICT]
    clustering = str(store.open_analysis(path, default)[category].attrs["suspect_clustering"])
    return Found(
        kind,
        len(data.label),
        float(np.mean(told == data.test_label)),
        float(np.mean(turned)),
        clustering,
        agreement(path, default, category, clustering),
        agreement(path, VERDICT, category, VERDICT),
        data.classes[int(first)],
        data.poisoned,
        seed,
        purity(path, category),
    )


def purity(path: Path, category: str) -> float:
    """Share of the samples in the verdict's group that carry the cue: what a person sees who opens it; NaN of none."""
    found = store.open_analysis(path, VERDICT)[category]
    if "suspect_cluster" not in found.attrs:  # a class of too few samples to be judged
        return float("nan")
    marked = store.open_attributions(path).marked.sel(sample=found.sample).values
    group = found.cluster.sel(clustering=VERDICT).values == found.attrs["suspect_cluster"]
    return float(marked[group].mean())


def agreement(path: Path, analysis: str, category: str, clustering: str) -> float:
    """How well a clustering tells who carries the cue: 1 if it does, about 0 if it knows nothing of it."""
    found = store.open_analysis(path, analysis)[category]
    marked = store.open_attributions(path).marked.sel(sample=found.sample).values
    return float(adjusted_mutual_info_score(marked, found.cluster.sel(clustering=clustering).values))
