"""Pictures over HTTP, beside the page: `<app>/image/<project>/<sample>/<mode>.png?map=...`."""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bokeh.server import urls
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError, authenticated

from viewer import pictures
from viewer.images import Look
from viewer.project import Project

PATTERN = r"/image/([^/]+)/(-?\d+)/([a-z]+)\.png"
POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="picture")


class PictureHandler(AuthRequestHandler):
    """Serves pictures of the open projects and nothing else; the same login as the page."""

    projects: Callable[[], dict[str, Project]]

    def initialize(self, **_: object) -> None:
        """Bokeh hands every handler its application's context, which pictures have no use for."""

    @authenticated
    async def get(self, key: str, sample: str, mode: str) -> None:
        project = self.projects().get(key)
        if project is None or project.error or len(sample) > 20:
            raise HTTPError(404)
        try:
            look = _look({name: self.get_query_argument(name) for name in self.request.query_arguments})
        except (ValueError, UnicodeError) as error:
            raise HTTPError(400, reason="Bad picture settings") from error
        await self._send(pictures.picture, project, int(sample), mode, look)

    async def _send(self, render: Callable[..., bytes], *arguments: object) -> None:
        try:
            data = await asyncio.get_running_loop().run_in_executor(POOL, render, *arguments)
        except KeyError as error:
            raise HTTPError(404) from error
        except (ValueError, OSError, RuntimeError) as error:  # a damaged file: the page shows the tile as missing
            raise HTTPError(404, f"{error}") from error
        self.set_header("Content-Type", "image/png")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, max-age=86400")
        self.finish(data)


def _look(query: dict[str, str]) -> Look:
    """The settings of a picture in its address; ValueError for any that is out of bounds."""
    colour_map = query.get("map", "bwr")
    if len(colour_map) > 1000:
        raise ValueError("the colour map is too long")
    pictures.strip(colour_map)  # raises for a map that is none
    limit = _bounded(query["limit"], 0, math.inf) if "limit" in query else None
    return Look(
        colour_map, limit, _bounded(query.get("percentile", "100"), 0, 100), _bounded(query.get("gamma", "1"), 0.05, 20)
    )


def _bounded(value: str, low: float, high: float) -> float:
    number = float(value)
    if not low <= number <= high:
        raise ValueError(f"{number} is not between {low} and {high}")
    return number


def install(projects: Callable[[], dict[str, Project]]) -> None:
    """Add the route to every Bokeh application that this process creates from now on; calling it twice adds it once."""
    handler = type("Pictures", (PictureHandler,), {"projects": staticmethod(projects)})
    others = [route for route in urls.per_app_patterns if route[0] != PATTERN]
    urls.per_app_patterns[:] = [*others, (PATTERN, handler)]
