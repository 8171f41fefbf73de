"""One channel of a hidden layer: its name, which can be changed, its references, what went through it."""

from markupsafe import Markup

from viewer import html
from viewer.pictures.concepts import conditional_samples, has_crops, reference_samples
from viewer.projects.channels import channel_variable
from viewer.scene import Scene
from viewer.scene.addresses import sharpness
from viewer.scene.concepts import concept_name, conditional_address, crop_address
from viewer.views.parts.tile import thumbnail


def concept_head(scene: Scene, layer: str, channel: int, known: dict[int, str]) -> Markup:
    """A field with the name, and the button that colours the plot."""
    name, variable = concept_name(known, channel), channel_variable(layer, channel)
    field = html.tag(
        "input", value=known.get(channel, ""), placeholder=f"channel {channel}", data_input="concept",
        data_of=variable, maxlength=200, aria_label=f"Name of channel {channel}", title="Name this channel",
    )  # fmt: skip
    current = "true" if scene.state.colour == variable else None
    colour = html.button(
        "colour", variable, "Colour", class_="plain", aria_current=current, aria_label=f"Colour by {name}",
        title="Colour the plot by this channel's share",
    )  # fmt: skip
    return html.tag("span", field, " ", colour, class_="concept-head")


def reference_row(scene: Scene, layer: str, channel: int) -> Markup:
    """What the channel sees of its references; where places are not known, the samples themselves."""
    found = reference_samples(scene.project, layer).sel(channel=channel)
    samples = [int(sample) for sample in found.reference.values if sample >= 0]
    if not has_crops(scene.project, layer):
        return html.tag("div", *(thumbnail(scene, sample, scene.state.mode) for sample in samples), class_="three")
    shown = (_crop(scene, layer, channel, rank, sample) for rank, sample in enumerate(samples))
    return html.tag("div", *shown, class_="three crops") + _conditional(scene, layer, channel, samples)


def _crop(scene: Scene, layer: str, channel: int, rank: int, sample: int) -> Markup:
    alt = f"sample {sample}, what channel {channel} sees"
    address = crop_address(scene, layer, channel, rank)
    image = html.tag("img", src=address, alt=alt, class_=sharpness(scene), loading="lazy")
    return html.button("focus", sample, image, class_="thumbnail", title=alt)


def _conditional(scene: Scene, layer: str, channel: int, samples: list[int]) -> Markup:
    """Heatmaps of what went through the channel, of references that the project keeps some of."""
    kept = conditional_samples(scene.project, layer, channel, samples)
    if not kept:
        return Markup()
    shown = []
    for sample, meaning in kept:
        alt = f"sample {sample}, what went through channel {channel}" + (" alone" if meaning == "through" else "")
        address = conditional_address(scene, layer, meaning, channel, sample)
        image = html.tag("img", src=address, alt=alt, class_=sharpness(scene), loading="lazy")
        shown.append(html.button("focus", sample, image, class_="thumbnail", title=alt))
    return html.tag("div", html.tag("span", "through it", class_="hint"), *shown, class_="three")
