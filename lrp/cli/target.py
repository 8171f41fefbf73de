"""From the words of a command line to what is explained."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from lrp.cli.errors import Unusable
from lrp.cli.load import imported
from lrp.explain.target import Target, predicted, scores

FORMS = "a class; an index into the output behind its batch axis such as 3,5,7; package.module:function, from the "
FORMS += "output to a seed of its shape, such as torch:ones_like for the values themselves"


def dataset_target(text: str) -> Any:
    """As `lrp.dataset.SampleTarget`: words, a class, an index tuple or a function; words are checked there."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d+(,-?\d+)*,?", text):
        return tuple(int(number) for number in text.split(",") if number)
    module, colon, name = text.partition(":")
    if not colon:
        return text
    function = imported(module, name, "--target")
    if not callable(function):
        raise Unusable(f"--target {text} is a {type(function).__name__}, not a function from the output to a seed")
    return function


def target(text: str | None) -> Target:
    """As `lrp.explain.Target`; there are no labels to go by."""
    found = None if text in (None, "prediction") else dataset_target(text)
    if isinstance(found, str):
        raise Unusable(f"--target {text}: give prediction, {FORMS}")
    return found


def described(output: Tensor, target: Target) -> str:
    """What was explained of the first sample, and the output there."""
    if isinstance(target, tuple):
        return f"index {','.join(map(str, target))}  {output[(0, *target)]:.4g}"
    if callable(target) and not isinstance(target, Tensor):
        return f"seed {getattr(target, '__name__', type(target).__name__)}"
    classes = predicted(output) if target is None else output.new_full((len(output),), int(target)).long()
    return f"class {int(classes[0])}  {scores(output, classes)[0]:.4g}"
