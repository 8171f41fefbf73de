"""What the page is made of: each view builds its models once and draws a scene into them."""

from viewer.views.categories import categories
from viewer.views.clusters import cluster_list
from viewer.views.colour_bar import colour_bar
from viewer.views.compare import compare
from viewer.views.eigenvalues import eigenvalues
from viewer.views.filters import filters
from viewer.views.findings import finding_list
from viewer.views.focus import focus
from viewer.views.gallery import gallery_pane
from viewer.views.header import header, status
from viewer.views.labels import label_table
from viewer.views.methods import compare_methods
from viewer.views.options import options
from viewer.views.rendering import rendering
from viewer.views.scatter import scatter
from viewer.views.sheet import contact_sheet
from viewer.views.tree import tree

VIEWS = (
    header,
    options,
    scatter,
    cluster_list,
    filters,
    label_table,
    eigenvalues,
    tree,
    rendering,
    colour_bar,
    gallery_pane,
    focus,
    contact_sheet,
    categories,
    compare,
    compare_methods,
    finding_list,
    status,
)
