"""Projects, their categories and sources of relevance, and what people keep in them."""

from spray.store import findings
from spray.store.findings import Finding
from viewer.projects.category import Category, open_category
from viewer.projects.opening import open_projects
from viewer.projects.project import Project
from viewer.projects.sources import EMBEDDING, FIRST_METHOD, Source, methods, offered, others
from viewer.projects.tree import Clusterings

__all__ = [
    "EMBEDDING",
    "FIRST_METHOD",
    "Category",
    "Clusterings",
    "Finding",
    "Project",
    "Source",
    "findings",
    "methods",
    "offered",
    "open_category",
    "open_projects",
    "others",
]
