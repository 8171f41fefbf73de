"""From the words of a command line to a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import click
from torch import nn

import lrp
from lrp.cli import pretrained
from lrp.cli.errors import Unusable
from lrp.cli.load import imported, options


def opened(source: str, model: Callable[[], nn.Module], kind: str | None, given: Mapping[str, Any]) -> Any:
    """The dataset, read with the options that were given; of arrays, the inputs that the model asks for.

    `model` makes it, where it is needed.

    Raises:
        Unusable: The reader has no such option; the message lists those that it has.
    """
    said = {name: LOAD.get(name, lambda same: same)(value) for name, value in given.items() if value is not None}
    of_arrays = source.lower().endswith((".npz", ".h5", ".hdf5", ".nc", ".zarr"))
    if of_arrays and "inputs" not in said and len(asked := arguments(model())) > 1:
        said["inputs"] = asked
    try:
        return lrp.open_data(source, kind=kind, **said)
    except TypeError as error:
        raise Unusable(f"--data {error}") from error


def arguments(model: nn.Module) -> list[str]:
    """Names of the inputs that a model cannot do without.

    Example:
        >>> arguments(nn.Bilinear(2, 3, 4)), arguments(nn.Linear(2, 3))
        (['input1', 'input2'], ['input'])
    """
    found = inspect.signature(model.forward).parameters.values()
    return [p.name for p in found if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


def _split(_: object, __: object, words: str | None) -> list[str] | None:
    return words.split(",") if words else None


def _units(words: Sequence[str]) -> dict[str, str]:
    return {name: str(value) for name, value in options(words, "--unit").items()}


def _tokenizer(text: str) -> Callable[[str], Any]:
    """`package.module:name`, a function of a text; or `hf:FOLDER`, what was saved with a model."""
    if text.startswith("hf:"):
        return pretrained.tokenizer(text.removeprefix("hf:"))
    module, _, name = text.partition(":")
    found = imported(module, name, "--tokenizer")
    if not callable(found):
        raise Unusable(f"--tokenizer {text} is a {type(found).__name__}, not a function of a text")
    return found


LOAD: Mapping[str, Callable[[Any], Any]] = {"unit": _units, "tokenizer": _tokenizer}
"""Options that are more than their words."""

OPTIONS = (
    click.option("--label", multiple=True, metavar="COLUMN", help="Of a table or of JSON lines, the class; several "
                 "columns of 0 and 1 where a sample may have several."),
    click.option("--features", callback=_split, metavar="NAME,...", help="Of a table, the columns the model reads. "
                 "Default: all others."),
    click.option("--beside", callback=_split, metavar="NAME,...", help="Columns that travel along."),
    click.option("--unit", multiple=True, metavar="NAME=UNIT", help="Of a table's column."),
    click.option("--text", metavar="NAME", help="The column or field of the text; without a tokenizer, of the numbers "
                 "of its tokens."),
    click.option("--tokens", metavar="NAME", help="Of JSON lines without a tokenizer, the field of the tokens."),
    click.option("--tokenizer", metavar="MODULE:NAME", help="A function from a text to (ids, "
                 "tokens), or one of Hugging Face's tokenizers. Default: that of --model hf:FOLDER."),
    click.option("--length", type=click.IntRange(1), help="Of each text in tokens, of each sound in steps: cut, or "
                 "filled up."),
    click.option("--pad", type=int, help="The number of the token that fills up."),
    click.option("--inputs", callback=_split, metavar="NAME,...", help="Arrays that are inputs. Default: those that "
                 "the model's forward asks for, where these are several."),
)  # fmt: skip


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options by which data are read; they arrive as `reading`, by the readers' own names."""

    @wraps(command)
    def wrapped(
        *args: Any,
        label: Sequence[str],
        features: list[str] | None,
        beside: list[str] | None,
        unit: Sequence[str],
        text: str | None,
        tokens: str | None,
        tokenizer: str | None,
        length: int | None,
        pad: int | None,
        inputs: list[str] | None,
        **rest: Any,
    ) -> Any:
        one_or_more = label[0] if len(label) == 1 else list(label) or None
        reading = {"label": one_or_more, "features": features, "beside": beside, "unit": unit or None, "text": text}
        reading |= {"tokens": tokens, "tokenizer": tokenizer, "length": length, "pad": pad, "inputs": inputs}
        return command(*args, reading=reading, **rest)

    for add in reversed(OPTIONS):
        wrapped = add(wrapped)
    return wrapped
