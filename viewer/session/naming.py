"""Names of channels, which the project keeps."""

from collections.abc import Mapping
from functools import partial

from spray.concepts.names import name_concept
from viewer.scene import Scene
from viewer.session.change import Change


def name(scene: Scene, value: Mapping[str, str]) -> Change:
    """Of a field: which channel it is of, and what was typed."""
    layer, _, channel = value["of"].rpartition(":")
    return Change(write=partial(name_concept, scene.project.home, layer, int(channel), value["value"]), redraw=True)
