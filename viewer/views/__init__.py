"""What the page is made of: each module's `view` builds its models once and draws a scene into them."""

from viewer.views import (
    categories,
    clusters,
    colour_bar,
    compare,
    eigenvalues,
    filters,
    findings,
    focus,
    gallery,
    header,
    labels,
    methods,
    options,
    rendering,
    scatter,
    sheet,
    status,
    tree,
)

MODULES = (
    header,
    options,
    scatter,
    clusters,
    filters,
    labels,
    eigenvalues,
    tree,
    rendering,
    colour_bar,
    gallery,
    focus,
    sheet,
    categories,
    compare,
    methods,
    findings,
    status,
)
VIEWS = tuple(module.view for module in MODULES)
