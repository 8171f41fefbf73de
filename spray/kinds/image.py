"""Pictures."""

from spray.kinds.kind import Kind, Sizes


def cells(sizes: Sizes) -> dict[str, int]:
    """Squares of two by two."""
    return {axis: min(2, sizes[axis]) for axis in ("height", "width")}


IMAGE = Kind(
    "image",
    ("height", "width"),
    lead=("channel",),
    aka={"y": "height", "x": "width", "image_height": "height", "image_width": "width"},
    cells=cells,
    said={"channel_name": "(channel) name of each channel"},
)
