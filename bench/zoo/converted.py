"""Networks that packages carry as ONNX files, through onnx2torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.zoo.check import strongest
from bench.zoo.images import LINE, TITLE, photograph
from bench.zoo.networks import Case, folder


def converted(path: Path) -> nn.Module:
    """An ONNX file as a module, in the words that onnx2torch knows."""
    import onnx  # pyright: ignore[reportMissingImports]
    import onnx2torch  # pyright: ignore[reportMissingImports]

    network = onnx.load(path)
    constants_as_initializers(network.graph, onnx.helper)
    for node in network.graph.node:
        padding_as_numbers(node, onnx.helper)
    return onnx2torch.convert(network).eval()


def constants_as_initializers(graph: Any, helper: Any) -> None:
    """onnx2torch looks for weights among a graph's initializers only; PaddlePaddle writes them as nodes."""
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = helper.get_attribute_value(node.attribute[0])
        value.name = node.output[0]
        graph.initializer.append(value)
        graph.node.remove(node)


def padding_as_numbers(node: Any, helper: Any) -> None:
    """`auto_pad="SAME_UPPER"`, which onnx2torch does not know, as the numbers that it means at a stride of one.

    Raises:
        NotImplementedError: The stride is larger, where the numbers depend on the image's size.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if given.get("auto_pad") != b"SAME_UPPER":
        return
    if set(given["strides"]) != {1}:
        raise NotImplementedError(f"SAME_UPPER at a stride of {given['strides']}")
    rest = [attribute for attribute in node.attribute if attribute.name not in ("auto_pad", "pads")]
    reach = [size - 1 for size in given["kernel_shape"]]
    pads = [size // 2 for size in reach] + [size - size // 2 for size in reach]
    del node.attribute[:]
    node.attribute.extend([*rest, helper.make_attribute("pads", pads)])


def yolo() -> Case:
    """YOLOv8n, trained on people: the surest of its boxes' 18 classes, behind the four numbers of each box."""
    model = converted(folder("nudenet") / "320n.onnx")
    pixels = torch.stack([photograph("astronaut", (320, 320)), photograph("astronaut", (320, 320), (100, 0, 400, 300))])
    return Case(model, pixels, lrp.composites.epsilon_gamma_box(low=0, high=1), pixels, surest)


def surest(output: Tensor) -> Tensor:
    """`(batch, 4 + class, box)`: one at the largest score of a class."""
    return torch.cat([torch.zeros_like(output[:, :4]), strongest(output[:, 4:])], 1)


def ocr(file: str, pixels: Tensor, target: Callable[[Tensor], Tensor]) -> Case:
    """A network of PP-OCR on printed lines."""
    model = converted(folder("rapidocr") / "models" / file)
    return Case(model, pixels * 2 - 1, lrp.composites.epsilon_plus(), pixels, target)


def lines(height: int, width: int) -> Tensor:
    """Two lines of a printed page."""
    return torch.stack([photograph("page", (height, width), box) for box in (TITLE, LINE)])


def pages(height: int, width: int) -> Tensor:
    return torch.stack([photograph(name, (height, width)) for name in ("page", "text")])


def at_each_place(output: Tensor) -> Tensor:
    """`(batch, place, sign)`: one at the sign that is read at each place."""
    return torch.zeros_like(output).scatter(2, output.detach().argmax(2, keepdim=True), 1.0)


CONVERTED: dict[str, tuple[str, Callable[[], Case]]] = {
    "YOLOv8n": ("nudenet onnx onnx2torch", yolo),
    "PP-OCR direction": (
        "rapidocr onnx onnx2torch",
        lambda: ocr("ch_ppocr_mobile_v2.0_cls_mobile.onnx", lines(48, 192), strongest),
    ),
    "PP-OCR detection": (
        "rapidocr onnx onnx2torch",
        lambda: ocr("PP-OCRv6_det_small.onnx", pages(160, 320), torch.Tensor.detach),
    ),
    "PP-OCR recognition": (
        "rapidocr onnx onnx2torch",
        lambda: ocr("PP-OCRv6_rec_small.onnx", lines(48, 320), at_each_place),
    ),
}
"""By name: the packages that it needs, and how it is made."""
