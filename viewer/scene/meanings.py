"""What the numbers of a ranking and of clusters mean, one sentence each, for those who see them the first time."""

MEANINGS = {
    "n": "Samples of the category.",
    "samples": "Samples of the category.",
    "accuracy": "Share of the category's samples that the model predicts right.",
    "suspicion": "How far its oddest group stands out from what is usual in the other categories: 0 is like all others,"
    " from 2.2 on look at it.",
    "suspect_size": "Samples in the suspect group.",
    "suspect_cluster": "The number of the suspect cluster in its clustering.",
    "clever_hans": "Cluster gap, tau and the peculiarity of one cluster in a single number from 0 to 1; it sorts, and"
    " says nothing about how sure it is.",
    "cluster_gap": "The largest gap between eigenvalues that suggests more than one cluster; the larger, the clearer"
    " the clusters.",
    "eigengap": "The largest gap between successive eigenvalues; the larger, the clearer their number.",
    "suggested_k": "How many clusters the largest gap suggests.",
    "graph_parts": "Parts that the graph of nearest neighbours falls into; near-duplicates make many.",
    "clusters": "Clusters of the clustering.",
    "noise": "Share of samples that are in no cluster.",
    "tau": "How well a straight cut tells the clusters apart, from 0 to 1; it is high on noise too.",
    "null_tau": "The tau that data without any clusters would have; compare tau with it.",
    "attribution_tau": "How well the clusters are told apart in the explanations themselves, on samples held out.",
    "silhouette": "From -1 to 1: near 1 a sample is much nearer to its own cluster than to the next, below 0 farther.",
    "compactness": "1 less the spread of the cluster over that of all samples: near 1 its samples lie close together,"
    " below 0 they lie farther apart than those of all.",
    "share": "Share of the category's samples.",
    "peculiar": "Silhouette, compactness and size of a cluster together: high is compact, well apart, and neither a few"
    " samples nor the rule.",
}


def meaning(name: str) -> str:
    """The sentence for a number; of a name that is not ours, where to ask.

    >>> meaning("cluster_silhouette")[:12]
    'From -1 to 1'
    """
    return MEANINGS.get(name.removeprefix("cluster_")) or MEANINGS.get(name) or "A number of the analysis."
