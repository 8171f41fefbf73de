"""The addresses of pictures, relative to the page's base."""

from zlib import crc32

import numpy as np

from viewer import html, pictures
from viewer.pictures import Look, kind, modes, renderer, shown, spread
from viewer.projects import FIRST_METHOD, Project, Source
from viewer.projects.classes import in_category
from viewer.scene.scene import Scene
from viewer.scene.suspects import Suspect
from viewer.state import decode, encode

SMALL = 150  # pixels of the shorter side, up to which enlarging keeps the pixels sharp
LOOK_SETTINGS = ("sampling", "colour_map", "gamma", "method")
"""Settings that every picture here depends on: a view that shows one watches these."""
SCALE_SETTINGS = ("scaling", "limit", "percentile", "selection")
"""And these too, where it shows `picture_address`."""
SCALE_FROM = 64  # samples that the common scale of many is told from


def picture_address(scene: Scene, sample: int, mode: str, place: str | None = None) -> str:
    """One sample, in the colours that the state asks for; of a volume the slices through `place`."""
    settings = {"place": place, **_colours(scene, mode), "v": version(scene.project)}
    return html.address("image", scene.project.key, sample, f"{mode}.png", **settings)


def source_address(scene: Scene, source: Source, what: int | str, mode: str) -> str:
    """One sample, or the mean of several, as another method or model explains it, on a scale of its own."""
    settings = {} if mode == "input" else _map(scene, mode) | {"method": source.method}
    if isinstance(what, str):
        place, settings = ("mean", source.project.key), settings | {"samples": what}
    else:
        place = ("image", source.project.key, what)
    return html.address(*place, f"{mode}.png", **settings, v=version(source.project))


def cluster_address(scene: Scene, number: int, mode: str) -> str:
    """A cluster's mean, on one scale with the others."""
    state = scene.state
    where = (state.analysis, state.category, state.clustering, number, f"{mode}.png")
    return html.address("cluster", scene.project.key, *where, **_map(scene, mode), v=version(scene.project))


def suspect_address(scene: Scene, category: str, suspect: Suspect, mode: str, *, whole: bool = False) -> str:
    """The mean of a suspect cluster, or of its whole category, on one scale."""
    number = () if whole else (suspect.cluster,)
    where = (suspect.analysis, category, suspect.clustering, *number, f"{mode}.png")
    what = "category" if whole else "cluster"
    method = in_category(scene.project.attributions, scene.state.method, category, suspect.by)
    return html.address(what, scene.project.key, *where, **_map(scene, mode, method), v=version(scene.project))


def mean_address(scene: Scene, mode: str, samples: str, *, minus: str = "", other: str = "") -> str:
    """The mean of `samples`, on one scale with that of `other`, or less that of `minus`."""
    given = {"samples": samples, "minus": minus or None, "other": other or None}
    return html.address(
        "mean", scene.project.key, f"{mode}.png", **given, **_map(scene, mode), v=version(scene.project)
    )


def some(ids: np.ndarray) -> str:
    """The samples that stand for many in an address."""
    return encode(spread(ids))


def version(project: Project) -> str:
    """Changes when the project is written to, so that no browser shows a picture of its past."""
    return f"{crc32(repr(project.stamp).encode()):x}"


def sharpness(scene: Scene) -> str:
    """The style class of a picture: how it is enlarged."""
    if is_drawn(scene):
        return "drawn"
    if scene.state.sampling != "auto":
        return scene.state.sampling
    variable = _shown(scene)
    sizes, own = scene.project.attributions[variable].sizes, kind(scene.project, variable)
    sides = [sizes[axis] for axis in own.axes_of(tuple(map(str, sizes)))[-2:]]
    across = 2 if renderer(scene.project, variable).sliced else 1
    return "pixelated" if sides and min(sides) * across <= SMALL else "smooth"


def is_drawn(scene: Scene) -> bool:
    """Whether samples are lines and words, which need more room than pixels."""
    variable = _shown(scene)
    return variable in scene.project.attributions and renderer(scene.project, variable).lines


def modes_of(scene: Scene) -> tuple[str, ...]:
    """The modes that show something of their own."""
    return modes(scene.project, scene.state.method)


def _shown(scene: Scene) -> str:
    """A variable whose kind is that of the samples."""
    return shown(scene.project, scene.state.method)


def _map(scene: Scene, mode: str, method: str = "") -> dict[str, object]:
    if mode == "input":
        return {}
    gamma, method = scene.state.gamma, method or scene.state.method
    return {
        "map": scene.state.colour_map,
        "gamma": gamma if gamma != 1 else None,
        "method": method if method != FIRST_METHOD else None,
    }


def _colours(scene: Scene, mode: str) -> dict[str, object]:
    state = scene.state
    if mode == "input":
        return {}
    settings = _map(scene, mode) | {"percentile": state.percentile if state.percentile != 100 else None}
    if state.scaling == "fixed":
        settings["limit"] = state.limit
    if samples := scale_samples(scene):
        settings["of"] = samples
    return settings


def scale_samples(scene: Scene) -> str:
    """The samples whose largest relevance has full colour, where many share one scale."""
    if scene.state.scaling not in ("selection", "category"):
        return ""
    selected = decode(scene.state.selection)
    ids = selected if scene.state.scaling == "selection" and selected.size else scene.category.sample
    return encode(spread(ids, SCALE_FROM))


def scene_look(scene: Scene) -> Look:
    """The colours of heatmaps that the state asks for; an input has none."""
    if scene.state.mode == "input":
        return Look()
    state, limit = scene.state, scene.state.limit if scene.state.scaling == "fixed" else None
    if samples := scale_samples(scene):
        limit = pictures.largest_of(scene.project, state.method, samples, state.percentile)
    return Look(state.colour_map, limit, state.percentile, state.gamma, state.method)
