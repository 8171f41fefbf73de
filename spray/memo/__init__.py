"""What stages computed, remembered by the content of all that it depends on."""

from spray.memo.entries import Entry, info, prune
from spray.memo.memo import memoize, stage_name

__all__ = ["Entry", "info", "memoize", "prune", "stage_name"]
