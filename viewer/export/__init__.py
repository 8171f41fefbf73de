"""Files for the world outside."""

from viewer.export.gallery import gallery_drawing
from viewer.export.page import report
from viewer.export.tables import drawing, file_name, snippet, table

__all__ = ["drawing", "file_name", "gallery_drawing", "report", "snippet", "table"]
