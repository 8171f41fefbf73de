"""A state against the projects at hand: what it names and is not there becomes the default, with a warning."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spray import store
from viewer import pictures
from viewer.projects import FIRST_METHOD, Category, Project, Source, offered, open_category, others
from viewer.projects.classes import in_category
from viewer.scene.overview import overview
from viewer.scene.points.filters import matches
from viewer.scene.points.grouping import variables
from viewer.scene.scene import Blank, Scene
from viewer.scene.suspects import best_ranking
from viewer.state import State, decode, encode
from viewer.state.filters import parsed
from viewer.state.filters import text as written
from viewer.state.links import expand


def resolve(projects: Mapping[str, Project], state: State) -> Scene | Blank:
    """The scene of `state`, whose names all exist afterwards."""
    warnings: list[str] = []
    if not projects:
        return Blank(projects, State())
    key = next((key for key, project in projects.items() if project.name == state.project), state.project)
    key = state.project if state.project in projects else key
    project = projects[_known("project", key, tuple(projects), warnings)]
    state = replace(state, project=project.key)
    if project.error:
        return Blank(projects, state, project, project.error, tuple(warnings))
    if not any(project.analyses.values()):
        problem = f"{project.path} has no analysis yet: make one with spray.analyse and spray.save_analysis"
        return Blank(projects, state, project, problem, tuple(warnings))
    if state == State(project=project.key) or (state.view == "categories" and not state.analysis + state.category):
        state = _opened(project, state)
    analysis = _known("analysis", state.analysis, [a for a, found in project.analyses.items() if found], warnings)
    name = _known("category", state.category, project.analyses[analysis], warnings)
    state = replace(state, analysis=analysis, category=name)
    try:
        category = open_category(project, analysis, name)
    except Exception as error:  # whatever is wrong with it: the other categories and projects can be looked at
        return Blank(projects, state, project, str(error) or repr(error), tuple(warnings))
    if not category.embeddings:
        problem = f"category {name!r} of analysis {analysis!r} has no embedding"
        return Blank(projects, state, project, problem, tuple(warnings))
    try:
        return _scene(projects, project, category, state, warnings)
    except Exception as error:
        problem = f"category {name!r} of analysis {analysis!r} cannot be shown: {error!r}"
        return Blank(projects, state, project, problem, tuple(warnings))


def _opened(project: Project, state: State) -> State:
    """Where nothing is asked for: the ranking, if there is one, at its most suspicious category."""
    try:
        analysis = best_ranking(project)
        rows = overview(project, analysis).rows if analysis else []
    except store.ProjectError:  # a ranking that cannot be read is said where it is shown
        return state
    first = next((category for category, values in rows if not values["error"]), "")
    return replace(state, analysis=analysis, category=first, view="categories") if first else state


def _scene(
    projects: Mapping[str, Project], project: Project, category: Category, state: State, warnings: list[str]
) -> Scene:
    """The scene of a state whose project, analysis and category are there."""
    state = _within(project, category, state, warnings)
    known = ["", *others(projects, Source(project, state.method), category)] if state.other else [""]
    state = replace(state, other=_known("method", state.other, known, warnings))
    return Scene(projects, state, project, category, tuple(warnings))


def _within(project: Project, category: Category, state: State, warnings: list[str]) -> State:
    """Clustering, embeddings, axes, colours and samples that the category has."""
    made = [state.clustering] if state.clustering in category.clusterings else []
    clustering = _known("clustering", state.clustering, [*made, *_preferred(category)], warnings)
    embedding = _known("embedding", state.embedding, list(category.embeddings), warnings)
    x, y = _axes(category, embedding, state.x, state.y)
    beside = state.beside and _known("embedding", state.beside, ["", *category.embeddings], warnings)
    beside_x, beside_y = _axes(category, beside, state.beside_x, state.beside_y) if beside else (0, 1)
    colour = state.colour if state.colour in category.variables else ""  # a channel of a layer is none of the listed
    colour = colour or _known("variable", state.colour, ["cluster", *variables(category)], warnings)
    focus = state.focus if state.focus is not None and state.focus in category.sample else None
    view = replace(state, embedding=embedding, clustering=clustering, x=x, y=y, colour=colour, focus=focus)
    found = [*offered(project, category)] or [FIRST_METHOD]
    wanted = in_category(project.attributions, state.method, category.name, category.facts.get("by"))
    method = found[0] if state.method == FIRST_METHOD else _known("method", wanted, found, warnings)
    modes = pictures.modes(project, method)
    mode = state.mode if state.mode in modes else modes[-1]  # the others would show the same, or nothing
    place = state.place if focus is not None and pictures.is_sliced(project, method) else ""
    view = replace(view, method=method, mode=mode, place=place)
    view = replace(view, beside=beside, beside_x=beside_x, beside_y=beside_y)
    view = replace(view, filter=_filters(category, state.filter, warnings))
    return replace(view, selection=_here(project, category, state.selection, warnings))


def _preferred(category: Category) -> list[str]:
    """The clusterings, first the one with as many clusters as the eigenvalues suggest."""
    k = category.facts.get("suggested_k")
    return sorted(category.clusterings, key=lambda name: (name != f"spectral-{k}", name != f"kmeans-{k}"))


def _axes(category: Category, embedding: str, x: int, y: int) -> tuple[int, int]:
    axes = category.embeddings[embedding].shape[1]
    return (x if x < axes else 0), (y if y < axes else min(1, axes - 1))


def _here(project: Project, category: Category, text: str, warnings: list[str]) -> str:
    """The selection, less the samples that are not in this category."""
    try:
        ids = decode(expand(project.home, text))
    except KeyError:
        warnings.append("the selection that the link names is not kept with this project")
        return ""
    here = category.rows(ids)
    if (lost := len(ids) - int(here.sum())) > 0:
        warnings.append(f"{lost} of {len(ids)} selected samples are not in this category")
    return encode(category.sample[here]) if lost or text[:1] == "@" else text


def _filters(category: Category, text: str, warnings: list[str]) -> str:
    """Those that the category can answer."""
    good = []
    for test in parsed(text):
        try:
            matches(category, test)
        except ValueError as error:
            warnings.append(f"a filter was left out: {error}")
        else:
            good.append(test)
    return written(tuple(good))


def _known(what: str, name: str, names: Sequence[str], warnings: list[str]) -> str:
    """`name` if it is one of `names`, else the first of them."""
    if name in names:
        return name
    default = names[0] if names else ""
    if name:
        warnings.append(f"there is no {what} {name!r} here, so {default!r} is shown")
    return default
