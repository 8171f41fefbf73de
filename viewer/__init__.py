"""Explore a project in the browser: `lrp-viewer PROJECT...`; in a notebook: `viewer.show("project")`."""

from viewer.notebook import show

__all__ = ["show"]
