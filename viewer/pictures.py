"""The pictures that a project can serve, by name: read what is needed, render, encode."""

from functools import lru_cache

import numpy as np

from spray.store import ProjectError
from viewer import images
from viewer.images import Look
from viewer.project import Project

MODES = ("input", "overlay", "heatmap")
GUESS_FROM = 64  # images that tell the range of values of all


@lru_cache(maxsize=4096)
def picture(project: Project, sample: int, mode: str, look: Look) -> bytes:
    """PNG of one sample; KeyError for a sample or a mode that is not there."""
    row = int(project.find(np.array([sample]))[0])
    if row < 0:
        raise KeyError(f"no sample {sample}")
    if mode == "input":
        pixels = _input(project, row)
    elif mode == "heatmap":
        pixels = images.heatmap_pixels(_read(project, "relevance", row), look)
    elif mode == "overlay":
        pixels = images.overlay_pixels(_input(project, row), _read(project, "relevance", row), look)
    else:
        raise KeyError(f"no mode {mode}")
    return images.png(pixels)


@lru_cache(maxsize=256)
def strip(colour_map: str) -> bytes:
    return images.png(images.strip(colour_map))


def _input(project: Project, row: int) -> np.ndarray:
    return images.input_pixels(_read(project, "image", row), *_range(project))


@lru_cache(maxsize=64)
def _range(project: Project) -> tuple[float, float]:
    stored = project.attributions["image"]
    if stored.dtype == np.uint8:
        return 0.0, 255.0
    rows = np.unique(np.linspace(0, stored.sizes["sample"] - 1, GUESS_FROM).astype(int))
    return images.value_range(stored.isel(sample=rows).values)


def _read(project: Project, variable: str, row: int) -> np.ndarray:
    if variable not in project.attributions:
        raise KeyError(f"this project has no {variable}")
    values = project.attributions[variable].isel(sample=row).values
    if values.ndim not in (2, 3):
        raise ProjectError(f"{variable} of shape {values.shape} is no image")
    return values
