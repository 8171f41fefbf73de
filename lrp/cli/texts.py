"""Heatmaps of texts: a saved language model, its tokenizer, words in their colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch
from torch import Tensor

import lrp
from lrp.cli import pretrained
from lrp.cli.errors import Unusable
from lrp.cli.options import Setting
from lrp.cli.target import described
from lrp.explain.target import Target, logit
from spray.files import write_text

FORMATS: dict[str, Callable[..., str]] = {
    "html": lambda *args, **options: f'<!doctype html><meta charset="utf-8">{lrp.text.html(*args, **options)}\n',
    "svg": lrp.text.svg,
    "tex": lambda *args, **options: lrp.text.latex(*args, document=True, **options),
}
"""What a text's heatmap is written as."""


class Drawn(NamedTuple):
    """One explained text."""

    tokens: Sequence[str]
    relevance: Tensor
    rows: Sequence[str] | None
    """What each row of relevance is of; None for one row."""
    said: str
    """What was explained."""


def draw(
    setting: Setting, texts: Sequence[str], out: Path | None, suffix: str, target: Target, generate: int,
    options: dict[str, Any],
) -> None:  # fmt: skip
    """Print each text in colours, and write it where `out` is given."""
    if not setting.spec.startswith("hf:"):
        raise Unusable(f"--text needs a model with a tokenizer, --model hf:FOLDER, got {setting.spec}")
    tokenizer = pretrained.tokenizer(setting.spec.removeprefix("hf:"))
    options = {**options, "special": tokenizer.all_special_tokens}
    found = (
        _generated(setting, tokenizer, texts, generate) if generate else _explained(setting, tokenizer, texts, target)
    )
    for number, drawn in enumerate(found, 1):
        click.echo(lrp.text.terminal(drawn.tokens, drawn.relevance, rows=drawn.rows, **options))
        if out is not None:
            made = FORMATS[suffix](drawn.tokens, drawn.relevance, rows=drawn.rows, **options)
            file = out / f"text-{number}.{suffix}"
            write_text(file, made)
            click.echo(f"{file}  {drawn.said}")
        else:
            click.echo(drawn.said)


def _encoded(setting: Setting, tokenizer: Any, text: str) -> dict[str, Tensor]:
    found = {str(name): value.to(setting.device) for name, value in tokenizer(text, return_tensors="pt").items()}
    if not found["input_ids"].numel():
        raise Unusable(f"--text {text!r} has no token")
    return found


def _explainers(setting: Setting) -> Callable[[dict[str, Tensor]], lrp.Explainer]:
    """One explainer for all lengths; where the model's code fixes the length, one for each."""
    made: dict[Any, lrp.Explainer] = {}

    def of(x: dict[str, Tensor]) -> lrp.Explainer:
        ids = x["input_ids"]
        if (found := made.get("any") or made.get(ids.shape[1])) is not None:
            return found
        output = pretrained.output_of(setting.model, x) if setting.output is None else setting.output
        rows = setting.composite(ids)
        if not made:
            try:
                free = {1: "length"}
                made["any"] = setting.explainer(x, rows, output, free)
                return made["any"]
            except lrp.TraceError as error:
                if "ties" not in str(error):
                    raise
        return made.setdefault(ids.shape[1], setting.explainer(x, rows, output))

    return of


def _explained(setting: Setting, tokenizer: Any, texts: Sequence[str], target: Target) -> Iterator[Drawn]:
    explainer = _explainers(setting)
    for text in texts:
        x = _encoded(setting, tokenizer, text)
        explain = explainer(x)
        wanted = target if target is not None or not _writes(setting) else _next(explain, x)
        output, relevance = explain(x, logit(wanted) if isinstance(wanted, tuple) else wanted)
        said = described(output, wanted)
        if target is None and isinstance(wanted, tuple):
            said = f"next {tokenizer.decode([wanted[-1]])!r}  {output[(0, *wanted)]:.4g}"
        yield Drawn(tokenizer.convert_ids_to_tokens(x["input_ids"][0]), relevance["input_ids"][0], None, said)


def _writes(setting: Setting) -> bool:
    """Whether a model says of each place which token is next."""
    return type(setting.model).__name__.endswith(("CausalLM", "LMHeadModel"))


def _next(explain: lrp.Explainer, x: dict[str, Tensor]) -> tuple[int, int]:
    """The place and number of the likeliest next token."""
    output, _ = explain.program(explain.weights, x)
    return output.shape[1] - 1, int(output[0, -1].argmax())


def _generated(setting: Setting, tokenizer: Any, texts: Sequence[str], count: int) -> Iterator[Drawn]:
    if not _writes(setting):
        raise Unusable(f"--generate is for models that write, a {type(setting.model).__name__} does not")
    explainer, writer = _explainers(setting), setting.model
    for text in texts:
        x = _encoded(setting, tokenizer, text)
        start = x["input_ids"].shape[1]
        with torch.no_grad():
            ids = writer.generate(**x, max_new_tokens=count, do_sample=False)  # type: ignore[operator]
        whole = {name: ids if name == "input_ids" else torch.ones_like(ids) for name in x}
        found = lrp.generated(
            explainer({name: value[:, :-1] for name, value in whole.items()}), **_named(whole), start=start
        )
        tokens = tokenizer.convert_ids_to_tokens(ids[0])
        said = f"wrote {tokenizer.decode(ids[0, start:])!r}"
        yield Drawn(tokens[:-1], found.relevance["input_ids"], tokens[start:], said)


def _named(whole: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"ids" if name == "input_ids" else name: value for name, value in whole.items()}
