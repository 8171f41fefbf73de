"""How each kind of samples is drawn: one table, one file a kind."""

from collections.abc import Mapping

from viewer.pictures.kinds import image, none, signal, spectrogram, table, text, volume
from viewer.pictures.kinds.given import Draw, Given

DRAW: Mapping[str, Draw] = {
    "image": image.draw,
    "signal": signal.draw,
    "text": text.draw,
    "table": table.draw,
    "volume": volume.draw,
    "spectrogram": spectrogram.draw,
    "none": none.draw,
}
"""By the names of `spray.kinds.KINDS`."""

__all__ = ["DRAW", "Draw", "Given"]
