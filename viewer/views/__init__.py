"""What the page is made of: each view builds its models once and draws a scene into them."""

from viewer.views.clusters import cluster_list
from viewer.views.eigenvalues import eigenvalues
from viewer.views.gallery import gallery_options, gallery_pane
from viewer.views.header import header, status
from viewer.views.options import options
from viewer.views.scatter import scatter

VIEWS = (header, options, scatter, cluster_list, eigenvalues, gallery_options, gallery_pane, status)
