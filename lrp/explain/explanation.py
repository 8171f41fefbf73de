"""An explanation as people see it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrp._torch import pytree
from lrp.explain.target import class_count, predicted, scores


class Explanation(NamedTuple):
    """The model's output and relevance in the input's structure: a pair that a notebook shows, by the kind of samples.

    Example:
        >>> import torch, lrp, tempfile
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus())
        >>> found = explain(torch.rand(2, 3))
        >>> output, relevance = found
        >>> found.save(tempfile.mkdtemp() + "/rows.svg", feature_name=["age", "mass", "height"]).name
        'rows.svg'
    """

    output: Tensor
    relevance: Any

    def _repr_html_(self) -> str:
        """One drawing a sample, under it the predicted class and its output; numbers where no kind is known."""
        try:
            return self.show()._repr_html_()
        except ValueError:
            return f"<pre>{self.output}\n{self.relevance}</pre>"

    def show(
        self,
        *,
        kind: str | None = None,
        inputs: Any = None,
        tokens: Sequence[Sequence[str]] | None = None,
        draw: str | int | None = None,
        **beside: Any,
    ) -> Any:
        """Drawn for a notebook, as the kind of samples is drawn.

        Args:
            kind: One of `spray.kinds.KINDS`. Default: what the first operator that reads the input says.
            inputs: What was explained, to be drawn with its relevance.
            tokens: Of texts, the tokens of each sample, as they are to be read.
            draw: Of several inputs, the name or number of the one to draw.
            beside: feature_name, channel_name, unit: names along an axis; sampling_rate, frequency_hz (hertz) and
                voxel_size (millimetres), for axes with numbers; cmap, see `lrp.colormap`.

        Raises:
            ValueError: The kind is not certain, or something does not fit the samples; the message says what to give.
        """
        from lrp.drawing import shown  # pictures come after the core, and only for those who look

        at, relevance = _drawn(self.relevance, draw)
        if inputs is not None and not isinstance(inputs, Tensor):
            inputs = pytree.tree_leaves(inputs)[at]
        axes = self.axes_of(at)
        of_classes = class_count(self.output) is not None
        if kind is None and axes is None and of_classes and relevance.ndim == 4 and relevance.shape[1] in (1, 3):
            kind = "image"  # what a pair of tensors alone is taken for
        arrays = {"relevance": _array(relevance), "inputs": None if inputs is None else _array(inputs)}
        return shown(**arrays, captions=self._captions(), kind=kind, axes=axes, tokens=tokens, **beside)

    def save(self, path: str | PathLike[str], **options: Any) -> Path:
        """Draw it into a file that ends in .png, .svg or .html; options are those of `show`.

        Raises:
            ValueError: As `show`; or the name ends otherwise.
        """
        return self.show(**options).save(path)

    def axes_of(self, at: int) -> Sequence[str] | None:
        """Names of the axes of an input behind its batch; None where nothing says them."""
        del at
        return None

    def _captions(self) -> list[str]:
        if class_count(self.output) is None:
            return [""] * len(self.output)
        best = predicted(self.output)
        pairs = zip(best.tolist(), scores(self.output, best).tolist(), strict=True)
        return [f"class {number}: {score:.3g}" for number, score in pairs]


class Known(Explanation):
    """An explanation whose inputs' axes are known: the graph says them."""

    axes: Sequence[Sequence[str] | None] = ()

    @classmethod
    def of(cls, found: Explanation, axes: Sequence[Sequence[str] | None]) -> Explanation:
        """The same pair, with the axes of each input; as it is inside of what is compiled."""
        if torch.compiler.is_compiling():
            return found
        made = cls(*found)
        made.axes = axes
        return made

    def axes_of(self, at: int) -> Sequence[str] | None:
        """Names of the axes of an input behind its batch."""
        return self.axes[at] if at < len(self.axes) else None


def _drawn(relevance: Any, draw: str | int | None) -> tuple[int, Tensor]:
    """Which of several inputs, and its relevance."""
    flat = pytree.tree_flatten_with_path(relevance, is_leaf=lambda value: value is None)[0]
    names = ["_".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in path) for path, _ in flat]
    receiving = [at for at, (_, leaf) in enumerate(flat) if isinstance(leaf, Tensor)]
    listed = ", ".join(names[at] for at in receiving)
    if draw is not None:
        receiving = [at for at in receiving if names[at] == str(draw)]
    if len(receiving) != 1:
        raise ValueError(f"say draw=, one of the inputs that receive relevance: {listed or 'none does'}")
    return receiving[0], flat[receiving[0]][1]


def _array(values: Any) -> Any:
    """As NumPy reads it, without leaving traces."""
    if not isinstance(values, Tensor):
        return values
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()
