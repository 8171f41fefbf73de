"""Which categories, clusterings and clusters deserve a look.

No single number does it. The eigengap says whether there are clusters at all; tau and the silhouette say how well a
clustering tells them apart; size and compactness say which cluster is peculiar. `clever_hans` combines them to sort
thousands of categories; it is a heuristic for what to look at first, not a test.
"""

from spray.stages.ranking.null import null_tau
from spray.stages.ranking.scores import clever_hans, cluster_scores, eigengap
from spray.stages.ranking.separability import attribution_tau, crossed_tau, tau

__all__ = ["attribution_tau", "clever_hans", "cluster_scores", "crossed_tau", "eigengap", "null_tau", "tau"]
