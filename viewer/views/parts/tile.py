"""One sample as a picture with what is known of it; a click brings it into focus."""

from markupsafe import Markup

from viewer import html
from viewer.scene import Scene
from viewer.scene.addresses import picture_address, sharpness
from viewer.scene.gallery import Tile
from viewer.scene.points.grouping import cluster_name


def tile(scene: Scene, found: Tile) -> Markup:
    sample, mode = found.sample, scene.state.mode
    alt = f"sample {sample}, {labels(found) or 'no label'}, {mode}"
    shown = html.tag("img", src=picture_address(scene, sample, mode), alt=alt, class_=sharpness(scene), loading="lazy")
    wrong = "wrong" if found.wrong else None
    caption = html.tag("figcaption", cluster_mark(found), html.tag("span", labels(found), class_=wrong))
    current = "true" if scene.state.focus == sample else None
    return html.tag("figure", html.button("focus", sample, shown, aria_current=current), caption, data_sample=sample)


def thumbnail(scene: Scene, sample: int, mode: str) -> Markup:
    """A small picture without words."""
    alt = f"sample {sample}, {mode}"
    shown = html.tag("img", src=picture_address(scene, sample, mode), alt=alt, class_=sharpness(scene), loading="lazy")
    return html.button("focus", sample, shown, class_="thumbnail", title=alt)


def cluster_mark(found: Tile) -> Markup:
    if found.cluster is None:
        return Markup()
    dot = html.tag("span", class_="dot", style=f"background: {found.colour}")
    return html.tag("span", dot, cluster_name(found.cluster))


def labels(found: Tile) -> str:
    return f"{found.label}, predicted {found.prediction}" if found.wrong and found.label else found.label
