"""A recipe on every category of a project: in turn, over processes, over a cluster."""

from spray.analysis.run import analyse, groups_of, to_tree
from spray.analysis.suspects import judge
from spray.analysis.tasks import label_name

__all__ = ["analyse", "groups_of", "judge", "label_name", "to_tree"]
