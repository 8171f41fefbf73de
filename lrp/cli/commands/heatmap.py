"""`lrp heatmap`: pictures and texts, explained and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lrp import heatmap as draw
from lrp.cli import texts as words
from lrp.cli.errors import Unusable
from lrp.cli.options import FILE, Setting, cache_option, model_options
from lrp.cli.pictures import pictures
from lrp.cli.target import FORMS, described
from lrp.cli.target import target as load_target
from lrp.heatmap.files import LOSSLESS, save


@click.command()
@model_options
@cache_option
@click.argument("images", nargs=-1, type=FILE)
@click.option("--text", "texts", multiple=True, metavar="WORDS", help="Explain this text, and print it in colours; "
              "several times. The model is one with a tokenizer, hf:FOLDER.")  # fmt: skip
@click.option("--generate", type=click.IntRange(1), help="Explain each of this many tokens that the model writes next.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the heatmaps; for texts it "
              "need not be given.")  # fmt: skip
@click.option("--size", default=224, show_default=True, help="Side that pictures are scaled and cropped to.")
@click.option("--target", help=f"{FORMS}. Default: the predicted class.")
@click.option("--method", default="lrp", show_default=True, help="As in lrp attribute.")
@click.option("--cmap", default="bwr", show_default=True, help="A colour map by name, or as colours: 00f,80:fff,f00.")
@click.option("--level", default=1.0, show_default=True, help="Above 1 reaches the ends of the colour map earlier.")
@click.option("--percentile", default=100.0, show_default=True, help="Of |relevance| at full colour.")
@click.option("--overlay", is_flag=True, help="Draw over the picture in gray.")
@click.option("--enlarge", default=1, show_default=True, help="Side of the square that one pixel becomes.")
@click.option("--format", "suffix", type=click.Choice(["png", "gif", "webp", "html", "svg", "tex"]),
              help="Default: png; of texts, which are written as the last three, html.")  # fmt: skip
def heatmap(
    setting: Setting, images: Sequence[Path], texts: Sequence[str], generate: int | None, out: Path | None, size: int,
    target: str | None, method: str, cmap: str, level: float, percentile: float, overlay: bool, enlarge: int,
    suffix: str | None,
) -> None:  # fmt: skip
    """Draw the heatmap of each picture or text; prints the file, the class explained and its output.

    \b
    lrp heatmap --model hf:sentiment --text "A film that is not bad at all."
    """
    if bool(images) == bool(texts):
        raise Unusable("give pictures or --text, one of both")
    suffix = suffix or ("html" if texts else "png")
    if texts:
        if method != "lrp" or suffix not in words.FORMATS:
            raise Unusable(f"--text is explained by --method lrp, as {', '.join(words.FORMATS)}")
        look = {"cmap": cmap, "level": level, "scaling": draw.Scaling(percentile=percentile)}
        words.draw(setting, texts, out, suffix, load_target(target), generate or 0, look)
        return
    if generate or out is None or f".{suffix}" not in LOSSLESS:
        raise Unusable(f"pictures need --out, are written as {', '.join(LOSSLESS)}, and --generate is for --text")
    stems = [file.stem for file in images]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise Unusable(f"several pictures are called {', '.join(sorted(twice))}: their heatmaps would be one file")
    wanted = load_target(target)
    out.mkdir(parents=True, exist_ok=True)
    explain, scaling = None, draw.Scaling(percentile=percentile)
    for file in images:
        picture = pictures([file], size, setting.gray)
        x = setting.scale(picture).to(setting.device)
        explain = explain or setting.method(method, x, setting.composite(x), setting.output)
        output, relevance = explain(x, wanted)
        options: dict[str, Any] = {"level": level, "scaling": scaling, "enlarge": enlarge}
        drawn = (
            draw.overlay(picture, relevance, cmap, **options) if overlay else draw.heatmap(relevance, cmap, **options)
        )
        click.echo(f"{save(out / f'{file.stem}.{suffix}', drawn)}  {described(output, wanted)}")
