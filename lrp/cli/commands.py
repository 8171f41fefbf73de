"""The command `lrp`: explain a whole dataset, show the plan, account for relevance, draw heatmaps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

import lrp
from lrp._torch import pytree
from lrp.cli import corrections, pretrained
from lrp.cli.conditions import conditions
from lrp.cli.data import data_options, opened
from lrp.cli.errors import Unusable
from lrp.cli.method import HELP, load_method
from lrp.cli.options import FILE, Setting, model_options
from lrp.cli.target import FORMS, dataset_target, described
from lrp.cli.target import target as load_target
from lrp.dataset.cost import statistics_cost
from lrp.dataset.reading.readers.pictures import Reading
from lrp.dataset.run import left_out
from lrp.effect.measure import is_used
from lrp.explain.target import seed_of
from spray import store
from spray.kinds import KINDS

MEASURED = 4  # samples that the cost of statistics is measured with
INCOMPLETE = 3
"""Exit code of `lrp attribute`: parts are missing."""
SEARCHED = 100  # samples that are tried for one that can be read


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lrp-spray")
def main() -> None:
    """Layer-wise relevance propagation: which inputs does a prediction rest on?

    \b
    lrp plan --model torchvision:resnet50 --composite epsilon_plus
    lrp heatmap cat.jpg dog.jpg --model torchvision:resnet50 --weights resnet50.pt --out heatmaps
    lrp attribute --model torchvision:resnet50 --weights resnet50.pt --data photos --out project
    lrp correct project --finding tag --model torchvision:resnet50 --weights resnet50.pt --test new --out after.pt2

    Exit codes: 0 done, 1 something in the data, the model or the project is wrong (one line on stderr says what), or
    `lrp compare` found that a correction is none, 2 the command line is wrong, 3 `lrp attribute` did all it could, but
    parts are missing or left to other processes (one line on stderr says which), 130 interrupted; `lrp attribute` goes
    on where it was when run again.
    """


for command in (conditions, corrections.locate, corrections.correct, corrections.compare):
    main.add_command(command)


@main.command()
@model_options
@click.option(
    "--data",
    required=True,
    help="A folder of pictures, .wav, .nii or .dcm (subfolders are the classes), a table (.csv, .parquet), texts "
    "(.jsonl), arrays (.npy, .npz, .h5, .nc, .zarr), or torchvision:NAME:FOLDER.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The project's folder; run the same command again to go on after an interruption.",
)
@click.option("--size", type=click.IntRange(1), help="Scale pictures to this side and crop the middle.")
@click.option("--exif/--no-exif", default=True, show_default=True, help="Turn pictures as their cameras noted.")
@data_options
@click.option("--draw", metavar="NAME", help="Of several inputs that receive relevance, the one that is drawn.")
@click.option("--target", default="prediction", show_default=True, help=f"prediction, label, topN, every; {FORMS}.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=["lrp"],
    show_default=True,
    help=HELP,
)
@click.option(
    "--concepts",
    multiple=True,
    metavar="LAYER",
    help="Keep what relevance and activation each channel of this layer has, and where most: for spray analyse "
    "--recipe concept or pcx, and spray references.",
)
@click.option(
    "--statistics/--no-statistics",
    default=True,
    show_default=True,
    help="Keep statistics of the channels of an early, a middle and a late layer, which spray rank sees best by.",
)
@click.option("--kind", type=click.Choice(list(KINDS)), help="Of samples, where neither data nor model say it.")
@click.option("--dtype", type=click.Choice(["float32", "float16"]), default="float32", show_default=True)
@click.option("--sum-channels", is_flag=True, help="Keep relevance summed over channels.")
@click.option("--pool", default=1, show_default=True, help="Keep relevance summed over POOL x POOL places.")
@click.option("--batch-size", default=32, show_default=True)
@click.option("--shard-size", default=256, show_default=True, help="Samples in one file, at most lost by a kill.")
@click.option("--workers", default=0, show_default=True, help="Processes that read pictures ahead.")
@click.option(
    "--skip-errors",
    is_flag=True,
    help="Leave samples out that cannot be read or explained, note them, and say how many.",
)
@click.option("--name", help="Of the project. Default: the folder's.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar (nor is there one without a terminal).")
def attribute(
    setting: Setting, data: str, out: Path, size: int | None, exif: bool, reading: dict[str, Any], draw: str | None,
    target: str, methods: Sequence[str], kind: str | None, dtype: str, sum_channels: bool, pool: int,
    skip_errors: bool, quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Explain a whole dataset into a project that `spray` analyses and the viewer shows.

    It can be interrupted at any time and run again, and any number of processes may work on one project: each shard of
    samples is computed once. A project refuses to go on with another model, composite or setting. Whoever ends while
    others are still at it ends with exit code 3.
    """
    pictures = {"size": size, "gray": setting.gray or None, "exif": None if exif else False}
    saved = setting.spec.startswith("hf:")
    if saved and reading.get("text") and not reading.get("tokenizer"):
        reading = {**reading, "tokenizer": setting.spec}
    dataset = opened(data, setting.model, kind, {**pictures, **reading})
    example = _example(dataset, setting, len(dataset) if skip_errors else SEARCHED)
    composite = setting.composite(example)
    output = pretrained.output_of(setting.model, example) if saved and setting.output is None else setting.output
    explain = {name: load_method(name, setting.model, example, composite, output) for name in methods}
    path = lrp.attribute_dataset(
        explain, dataset, out, target=dataset_target(target),
        normalize=setting.normalize(example),
        keep=lrp.Kept(kind=kind, dtype=dtype, sum_channels=sum_channels, pool=pool, draw=draw),
        errors="skip" if skip_errors else "raise", progress=not quiet,
        model=click.get_current_context().params["model"], **options,
    )  # fmt: skip
    if skip_errors and (failed := left_out(path)):
        sample, why = next(iter(failed.items()))
        click.echo(f"{len(failed)} samples were left out, the first, {sample}: {why}", err=True)
    click.echo(path)
    found = store.missing(path)
    several = pytree.tree_map(lambda values: torch.cat([values] * MEASURED), example)
    if found.present and not quiet and (cost := statistics_cost(explain[methods[0]], several, path)):
        click.echo(str(cost), err=True)
    if found.complete is False:
        again = ": other processes are at them, or were; run the same again when they have ended" if found.parts else ""
        click.echo(f"{found}{again}", err=True)
    if found.parts:
        sys.exit(INCOMPLETE)
    if not found.present:
        sys.exit(1)


def _example(dataset: Any, setting: Setting, searched: int) -> Any:
    """The first readable sample, as the model sees it."""
    why = ""
    for index in range(min(len(dataset), searched)):
        try:
            found = dataset[index][0]
        except Exception as error:
            why = why or f"; the first: {error}"
            continue
        given = pytree.tree_map(lambda values: values[None].to(setting.device), found)
        return setting.scale(given) if setting.scales(given) else given
    raise Unusable(f"none of the first {min(len(dataset), searched)} samples can be read{why}")


@main.command()
@model_options
@click.argument("project", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--category", "categories", multiple=True, help="Only this one; several times. Default: the first MOST.")
@click.option("--most", type=click.IntRange(1), default=3, show_default=True, help="The so many most suspicious.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def verify(setting: Setting, project: Path, categories: Sequence[str], most: int, quiet: bool) -> None:
    """Does the model use what makes a suspect of spray rank peculiar?

    What a suspect's members have in common is given to samples of other classes: laid over them, matched, pasted, or
    added in a hidden layer. How many turn into the suspect's class, beyond what random groups of that class do, is
    written beside the suspicion, where spray rank shows it.
    """
    from lrp.effect.verify import verify as verified

    attributions = store.open_attributions(project)
    if "image" not in attributions:
        raise Unusable(f"{project} keeps no inputs: nothing can be given to the model")
    image = torch.as_tensor(attributions.image.isel(sample=[0]).values).to(setting.device)
    normalize = setting.scale if image.dtype == torch.uint8 else None
    example = image if normalize is None else normalize(image / 255)
    explain = lrp.explainer(setting.model, example, setting.composite(example), output=setting.output)
    found = verified(explain, project, categories=categories, most=most, normalize=normalize, progress=not quiet)
    for category, each in found.items():
        click.echo(f"{category}: {'used' if is_used(each) else 'not shown to be used'}")
        for name, effect in sorted(each.items(), key=lambda item: -item[1].beyond):
            click.echo(
                f"  {name:<10} turns {effect.turned:>5.0%} (groups at random: {effect.control_turned:.0%}), "
                f"output {effect.logit:+.2f} ({effect.control_logit:+.2f})"
            )
    click.echo(f"next: spray rank {project}", err=True)


@main.command()
@model_options
@click.option("--input", "shape", default="3x224x224", show_default=True, help="Shape of one input.")
def plan(setting: Setting, shape: str) -> None:
    """Show which rule each operator of the model gets, or every operator that has none."""
    zeros = _zeros(shape, setting)
    composite = setting.composite(zeros)
    graph = lrp.canonize(lrp.trace(setting.model, zeros, setting.output), composite=composite)
    click.echo(repr(lrp.plan(graph, composite)))


def _zeros(shape: str, setting: Setting) -> Tensor:
    try:
        sizes = [int(size) for size in shape.split("x")]
    except ValueError:
        raise Unusable(f"--input {shape}: give sizes such as 3x224x224") from None
    return torch.zeros(1, *sizes, device=setting.device)


@main.command()
@model_options
@click.argument("images", nargs=-1, required=True, type=FILE)
@click.option("--size", default=224, show_default=True, help="Side that pictures are scaled and cropped to.")
@click.option("--target", help=f"{FORMS}. Default: the predicted class.")
def audit(setting: Setting, images: Sequence[Path], size: int, target: str | None) -> None:
    """Account for relevance operator by operator: what arrives, is passed on, and is absorbed by bias and stabilizer.

    Shares are means over the images, in percent of the relevance at the output.
    """
    x = setting.scale(_pictures(images, size, setting.gray)).to(setting.device)
    explain = lrp.explainer(setting.model, x[:1], setting.composite(x), output=setting.output)
    output, _ = explain.program(explain.weights, x)
    account = lrp.audit(explain.program, explain.weights, x, seed_of(output, load_target(target)))
    names = ("arrived", "passed", "bias", "stabilizer", "dropped")
    table = {name: (100 * account[name] / account.seed).mean("sample").values for name in names}
    width = max(len(str(layer)) for layer in account.layer.values)
    click.echo(f"{'layer':<{width}}  {'operator':<20}" + "".join(f"{name:>12}" for name in names))
    for row, (layer, operator) in enumerate(zip(account.layer.values, account.operator.values, strict=True)):
        cells = "".join(f"{table[name][row]:>11.2f}%" for name in names)
        click.echo(f"{layer:<{width}}  {operator:<20}{cells}")
    received = (100 * account.input / account.seed).mean().item()
    worst = (abs(account.residual) / account.scale).max().item()
    click.echo(f"the input receives {received:.2f}%; the account is off by {worst:.1e} of its terms")


@main.command()
@model_options
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
    from lrp import heatmap as draw
    from lrp.cli import texts as words
    from lrp.heatmap.files import LOSSLESS, save

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
        picture = _pictures([file], size, setting.gray)
        x = setting.scale(picture).to(setting.device)
        explain = explain or load_method(method, setting.model, x, setting.composite(x), setting.output)
        output, relevance = explain(x, wanted)
        options: dict[str, Any] = {"level": level, "scaling": scaling, "enlarge": enlarge}
        drawn = (
            draw.overlay(picture, relevance, cmap, **options) if overlay else draw.heatmap(relevance, cmap, **options)
        )
        click.echo(f"{save(out / f'{file.stem}.{suffix}', drawn)}  {described(output, wanted)}")


def _pictures(files: Sequence[Path], size: int, gray: bool) -> Tensor:
    """Pictures in [0, 1], `(batch, channel, height, width)`."""
    reading, found = Reading(size, gray), []
    for file in files:
        try:
            found.append(reading.open(file))
        except (OSError, ValueError) as error:
            raise Unusable(f"{file} is no picture: {error}") from error
    return torch.stack(found)


if __name__ == "__main__":
    main()
