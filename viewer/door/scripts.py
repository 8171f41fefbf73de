"""BokehJS below the page's own address, where any proxy that serves the page serves it too."""

from bokeh.resources import Component, Resources
from bokeh.server.views.static_handler import StaticHandler

PATTERN = r"/bokeh/static/(.*)"
COMPONENTS: list[Component] = ["bokeh", "bokeh-gl", "bokeh-widgets"]  # no view has tables or formulas: 2 MB less


class Scripts(StaticHandler):
    """Bokeh's own files, from a route of the application."""

    def initialize(self, path: str, **_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Bokeh hands every handler its application's context, which files have no use for."""
        super().initialize(path)


def script_addresses() -> list[str]:
    """The addresses of BokehJS, relative to the page's base."""
    resources = Resources(
        "server", root_url="bokeh/", components=COMPONENTS, path_versioner=StaticHandler.append_version
    )
    return resources.js_files
