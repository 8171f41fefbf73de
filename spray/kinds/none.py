"""Anything else: numbers whose axes say nothing."""

from spray.kinds.kind import Kind

NONE = Kind("none", ())
