"""What a state shows of a project: pure functions of both."""

from viewer.scene.resolving import resolve
from viewer.scene.scene import Blank, Scene

__all__ = ["Blank", "Scene", "resolve"]
