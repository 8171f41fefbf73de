"""Volumes: CT, MRI, stacks of slices."""

from spray.kinds.kind import Kind, Sizes


def cells(sizes: Sizes) -> dict[str, int]:
    """Cubes of two by two by two."""
    return {axis: min(2, sizes[axis]) for axis in ("depth", "height", "width")}


VOLUME = Kind(
    "volume",
    ("depth", "height", "width"),
    lead=("channel",),
    aka={"z": "depth", "y": "height", "x": "width"},
    cells=cells,
    said={"voxel_size": "attribute, depth, height and width in millimetres"},
)
