"""Spectrograms: bands of frequency over time."""

from spray.kinds.kind import Kind, Sizes


def cells(sizes: Sizes) -> dict[str, int]:
    """32 windows in time, in each band by itself."""
    return {"time": -(-sizes["time"] // 32)}


SPECTROGRAM = Kind(
    "spectrogram",
    ("frequency", "time"),
    lead=("channel",),
    aka={"band": "frequency", "length": "time"},
    cells=cells,
    said={"frequency_hz": "(frequency) centre of each band", "sampling_rate": "attribute, steps a second"},
)
