"""A whole dataset, explained shard by shard into a project that any number of processes may work on."""

from lrp.dataset.kept import Kept
from lrp.dataset.layers.conditional import attribute_conditions
from lrp.dataset.reading.normalize import NORMALIZATIONS, Normalization, normalization
from lrp.dataset.reading.readers import READERS, Reader, open_data, open_images
from lrp.dataset.reading.samples import SampleError
from lrp.dataset.run import attribute_dataset
from lrp.dataset.targets import SampleTarget

__all__ = [
    "NORMALIZATIONS",
    "READERS",
    "Kept",
    "Normalization",
    "Reader",
    "SampleError",
    "SampleTarget",
    "attribute_conditions",
    "attribute_dataset",
    "normalization",
    "open_data",
    "open_images",
]
