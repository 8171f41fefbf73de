"""What a hidden layer says: conditions on its channels, bases of it, and what of the input each place sees."""

from lrp.concepts.bases import basis
from lrp.concepts.conditional import conditions
from lrp.concepts.fields import Fields, receptive_fields

__all__ = ["Fields", "basis", "conditions", "receptive_fields"]
