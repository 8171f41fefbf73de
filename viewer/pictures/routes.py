"""Pictures over HTTP, beside the page, of the open projects and nothing else.

    <app>/image/<project>/<sample>/<mode>.png                                    one sample
    <app>/mean/<project>/<mode>.png?samples=...&minus=...&other=...              the mean of several
    <app>/cluster/<project>/<analysis>/<category>/<clustering>/<number>/<mode>.png
    <app>/category/<project>/<analysis>/<category>/<clustering>/<mode>.png       its mean, on one scale with clusters

Of the relevance by `method`, in colours by `map` and `gamma`, and `limit`, or `percentile` of the sample itself or of
the samples named by `of`; of a volume the slices through `place`.
"""

import asyncio
import math
import re
from collections.abc import Callable, Mapping

from bokeh.server import urls
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError, RequestHandler, authenticated

from spray.pictures.images import Look, media_type
from viewer.pictures import concepts, pictures
from viewer.pictures.pool import Full, drawn
from viewer.projects import FIRST_METHOD, Project, methods

PART = "([^/]+)"
MODE = r"([a-z]+)\.png"
NUMBER = r"(-?\d{1,19})"
LONGEST_SETTING = 4000  # characters of a setting
Render = Callable[..., bytes]


def image(project: Project, query: Mapping[str, str], sample: str, mode: str) -> bytes:
    return pictures.picture(project, int(sample), mode, look(project, query), *place(query.get("place", "")))


def mean(project: Project, query: Mapping[str, str], mode: str) -> bytes:
    samples, minus, other = query["samples"], query.get("minus", ""), query.get("other", "")
    settings = look(project, query)
    if mode != "input":
        shared = (samples, other) if other else (samples,)
        settings = settings._replace(limit=pictures.largest_mean(project, settings.method, *shared))
    return pictures.mean_picture(project, samples, minus, mode, settings)


def cluster(
    project: Project, query: Mapping[str, str], analysis: str, category: str, clustering: str, number: str, mode: str
) -> bytes:
    return pictures.cluster_picture(project, analysis, category, clustering, int(number), mode, look(project, query))


def category(
    project: Project, query: Mapping[str, str], analysis: str, category: str, clustering: str, mode: str
) -> bytes:
    return pictures.category_picture(project, analysis, category, clustering, mode, look(project, query))


def strip(_project: object, query: Mapping[str, str]) -> bytes:
    return pictures.strip(query.get("map", "bwr"))


PATTERNS: dict[str, Render] = {
    f"/strip/{PART}.png": strip,
    f"/image/{PART}/{NUMBER}/{MODE}": image,
    f"/mean/{PART}/{MODE}": mean,
    f"/cluster/{PART}/{PART}/{PART}/{PART}/{NUMBER}/{MODE}": cluster,
    f"/crop/{PART}/{PART}/{NUMBER}/{NUMBER}.png": concepts.crop,
    f"/conditional/{PART}/{PART}/(all|through)/{NUMBER}/{NUMBER}.png": concepts.conditional,
    f"/category/{PART}/{PART}/{PART}/{PART}/{MODE}": category,
}


def look(project: Project, query: Mapping[str, str]) -> Look:
    """The colours that an address asks for; ValueError for any setting that is out of bounds."""
    colour_map = query.get("map", "bwr")
    try:
        pictures.strip(colour_map)
    except ValueError as error:
        raise SettingError(str(error)) from error
    percentile = _bounded(query.get("percentile", "100"), 0, 100)
    known = methods(project)
    method = query.get("method", next(iter(known), FIRST_METHOD))
    if method not in known and "method" in query:
        raise SettingError("no such method")
    limit = _bounded(query["limit"], 0, math.inf) if "limit" in query else None
    if "of" in query:
        limit = pictures.largest_of(project, method, query["of"], percentile)
    return Look(colour_map, limit, percentile, _bounded(query.get("gamma", "1"), 0.05, 20), method)


def place(text: str) -> tuple[int, ...]:
    """Where slices are shown: depth, height and width.

    >>> place("3,40,12"), place("")
    ((3, 40, 12), ())
    """
    if text and not re.fullmatch(r"\d{1,9}(,\d{1,9}){2}", text):
        raise SettingError("a place is three numbers")
    return tuple(map(int, text.split(","))) if text else ()


class SettingError(ValueError):
    """A setting in an address that cannot be used."""


def _bounded(value: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise SettingError(str(error)) from error
    if not low <= number <= high:
        raise SettingError(f"{number} is not between {low} and {high}")
    return number


class PictureHandler(AuthRequestHandler):
    """Asks for the same login as the page does."""

    projects: Callable[[], Mapping[str, Project]]
    make: Render
    work: asyncio.Future[bytes] | None = None

    def initialize(self, **_: object) -> None:
        """Bokeh hands every handler its application's context, which pictures have no use for."""

    @authenticated
    async def get(self, key: str, *parts: str) -> None:
        project = self.projects().get(key)
        if project is None or project.error:
            raise HTTPError(404)
        try:
            query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
            if max(map(len, [*query.values(), *parts])) > LONGEST_SETTING:
                raise SettingError("a setting is too long")
            self.work = asyncio.ensure_future(drawn(type(self).make, project, query, *parts))
            data = await self.work
        except Full as error:
            raise HTTPError(503, "too many pictures at once") from error
        except SettingError as error:
            raise HTTPError(400, "%s", error) from error
        except Exception as error:  # not there, or in a file that is damaged in whatever way
            raise HTTPError(404, "%r", error) from error
        self.set_header("Content-Type", media_type(data))
        self.set_header("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'unsafe-inline'")
        self.set_header("Cache-Control", "private, max-age=86400")
        self.finish(data)

    def on_connection_close(self) -> None:
        if self.work is not None:
            self.work.cancel()


def install(projects: Callable[[], Mapping[str, Project]]) -> None:
    """Add the routes to every Bokeh application that this process creates from now on; calling it twice is once."""
    others = [route for route in urls.per_app_patterns if route[0] not in PATTERNS]
    urls.per_app_patterns[:] = [*others, *((pattern, _handler(projects, PATTERNS[pattern])) for pattern in PATTERNS)]


def _handler(projects: Callable[[], Mapping[str, Project]], make: Render) -> type[RequestHandler]:
    members = {"projects": staticmethod(projects), "make": staticmethod(make)}
    return type("Pictures", (PictureHandler,), members)
