"""How each kind of samples is drawn: one table, one file a kind."""

from collections.abc import Mapping

from spray.pictures import image, none, signal, spectrogram, table, text, volume
from spray.pictures.given import Draw, Given, Renderer

RENDERERS: Mapping[str, Renderer] = {
    "image": Renderer(image.draw, one_channel=True),
    "signal": Renderer(signal.draw, lines=True),
    "text": Renderer(text.draw, lines=True, by_word=True),
    "table": Renderer(table.draw, lines=True),
    "volume": Renderer(volume.draw, one_channel=True, sliced=True),
    "spectrogram": Renderer(spectrogram.draw, one_channel=True, lines=True),
    "none": Renderer(none.draw, lines=True),
}
"""By the names of `spray.kinds.KINDS`."""

__all__ = ["RENDERERS", "Draw", "Given", "Renderer"]
