"""Does a prediction rest on what a group of samples has in common: an effect, measured against a control."""

from lrp.effect.changes import CHANGES, Groups
from lrp.effect.measure import Effect, effects, is_used, strongest
from lrp.effect.network import Network

__all__ = ["CHANGES", "Effect", "Groups", "Network", "effects", "is_used", "strongest"]
