"""The command `lrp`: explain a whole dataset, show the plan, account for relevance, draw heatmaps."""

import click

from spray._commands import LazyGroup, Place

COMMANDS = {
    "attribute": Place(
        "lrp.cli.commands.attribute",
        "attribute",
        "Explain a whole dataset into a project that `spray` analyses and the viewer shows.",
    ),
    "audit": Place(
        "lrp.cli.commands.model",
        "audit",
        "Account for relevance operator by operator: what arrives, is passed on, and is absorbed.",
    ),
    "plan": Place(
        "lrp.cli.commands.model",
        "plan",
        "Show which rule each operator of the model gets, or every operator that has none.",
    ),
    "heatmap": Place(
        "lrp.cli.commands.heatmap",
        "heatmap",
        "Draw the heatmap of each picture or text; prints the file, the class explained and its output.",
    ),
    "verify": Place(
        "lrp.cli.commands.verify", "verify", "Does the model use what makes a suspect of spray rank peculiar?"
    ),
    "locate": Place(
        "lrp.cli.correction.correct",
        "locate",
        "Say in which layer, along which direction and where in the input the artefact of a finding is.",
    ),
    "correct": Place(
        "lrp.cli.correction.correct",
        "correct",
        "Correct a model's reliance on the artefact of a finding, and prove it on test data.",
    ),
    "compare": Place(
        "lrp.cli.correction.compare",
        "compare",
        "Compare a project with that of the corrected model; exit code 1 if the correction is none.",
    ),
}


@click.group(
    cls=LazyGroup, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
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
