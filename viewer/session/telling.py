"""What a page is told of a scene: what its script needs, and what has to be said as long as it is shown."""

import logging
from typing import Any

from viewer.scene import Blank, Scene
from viewer.scene.points.density import is_dense
from viewer.session.messages import messages

LOG = logging.getLogger(__name__)


def told_of(scene: Scene | Blank) -> tuple[Scene | Blank, dict[str, Any]]:
    """What the page is told of a scene; of one that cannot be told, why: the other projects are to be had."""
    try:
        return scene, messages(scene)
    except Exception as error:
        if isinstance(scene, Blank):
            raise
        LOG.exception("a category cannot be shown")
        problem = f"category {scene.category.name!r} cannot be shown: {error!r}"
        blank = Blank(scene.projects, scene.state, scene.project, problem, scene.warnings)
        return blank, messages(blank)


def notes(scene: Scene | Blank) -> list[str]:
    """What has to be said as long as this category is shown."""
    found = [scene.project.incomplete] if scene.project.incomplete else []
    if isinstance(scene, Blank):
        return found
    told = str(scene.category.facts.get("coverage", ""))
    if told and told != scene.project.coverage:
        found.append(f"this analysis is of {told}, the project has {scene.project.coverage or 'others'}")
    if is_dense(scene.category):
        n = f"{len(scene.category.sample):,}".replace(",", " ")
        how = "each pixel shows how many lie there; what lies alone, and closer up all in view, are points"
        found.append(f"{n} samples are too many to draw one by one: {how}.")
    return found
