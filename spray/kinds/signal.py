"""Signals: ECG, audio, EEG, sensors."""

from spray.kinds.kind import Kind, Sizes

WINDOWS = 32  # in time, by default: as many features a channel


def cells(sizes: Sizes) -> dict[str, int]:
    """Windows in time, 32 of them; channels are never added up."""
    return {"time": -(-sizes["time"] // WINDOWS)}


SIGNAL = Kind(
    "signal",
    ("time",),
    lead=("channel",),
    aka={"length": "time", "lead": "channel"},
    cells=cells,
    said={"sampling_rate": "attribute, in hertz", "channel_name": "(channel) name of each row", "unit": "attribute"},
)
