"""An explanation as people see it."""

from __future__ import annotations

import base64
import io
from typing import Any, NamedTuple

from torch import Tensor

from lrp.explain.target import class_count, predicted, scores

SHOWN = 64  # maps of one explanation in a notebook


class Explanation(NamedTuple):
    """The model's output and relevance in the input's structure: a pair that a notebook shows as pictures."""

    output: Tensor
    relevance: Any

    def _repr_html_(self) -> str:
        """One heatmap a sample, under it the predicted class and its output; for images only."""
        if not isinstance(self.relevance, Tensor) or self.relevance.ndim != 4 or class_count(self.output) is None:
            return f"<pre>{self.output}\n{self.relevance}</pre>"
        from lrp.heatmap import heatmaps  # pictures come after the core, and only for those who look

        enlarge = max(1, 128 // max(self.relevance.shape[-2:]))
        pictures = heatmaps(self.relevance[:SHOWN], enlarge=enlarge)
        best = predicted(self.output)
        shown = zip(pictures, best.tolist(), scores(self.output, best).tolist(), strict=False)
        cells = [
            '<figure style="display:inline-block;margin:4px"><img alt="heatmap" '
            f'src="data:image/png;base64,{_base64(picture)}">'
            f"<figcaption>class {number}: {score:.3g}</figcaption></figure>"
            for picture, number, score in shown
        ]
        left = len(self.relevance) - len(pictures)
        return "".join(cells) + (f"<p>and {left} more</p>" if left else "")


def _base64(picture: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
