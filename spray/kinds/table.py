"""Rows of tables: features that have names and nothing like a neighbourhood."""

from spray.kinds.kind import Kind

TABLE = Kind(
    "table",
    ("feature",),
    aka={"column": "feature"},
    said={"feature_name": "(feature) name of each", "unit": "(feature) unit of each"},
)
