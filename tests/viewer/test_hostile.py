"""Nothing in a project, label, note, link or file is run, shown as markup, or used as a path."""

import json
import random
import urllib.error
import urllib.request
from dataclasses import fields
from urllib.parse import quote

import numpy as np
import pytest
import xarray as xr
from bokeh.document import Document
from bokeh.models import Div
from playwright.sync_api import expect

from spray import store
from tests.support import viewer_projects
from viewer.projects import Finding, findings, open_projects
from viewer.scene import Scene, resolve
from viewer.session import Session
from viewer.session.actions import ACTIONS, ANYWHERE
from viewer.state import State, from_arguments, from_json, from_query

ALERT = "window.hacked=1"
SEEDS = [
    f"<script>{ALERT}</script>",
    f"<img src=x onerror={ALERT}>",
    f'"><svg onload={ALERT}>',
    f"' autofocus onfocus={ALERT} x='",
    f"javascript:{ALERT}",
    f"</textarea><script>{ALERT}</script>",
    f"{{{{{ALERT}}}}}",
    f"${{{ALERT}}}",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "a\x00b",
    "\u202eright to left",
    "🏴‍☠️" * 20,
    "=cmd|' /C calc'!A0",
    "$$x_1$$",
    "a" * 5000,
    "\r\nSet-Cookie: x=1",
    "&lt;b&gt;",
    "' OR 1=1 --",
]


def hostile(count: int) -> list[str]:
    """`count` texts made of what breaks pages, the same ones every time."""
    chance = random.Random(0)
    return [
        "".join(chance.choice(SEEDS) for _ in range(chance.randint(1, 3))) if at >= len(SEEDS) else SEEDS[at]
        for at in range(count)
    ]


TEXTS = hostile(200)
FORMATS = {"format": "lrp-spray viewer state", "version": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project in which every name is hostile: its own, labels, variables, categories, clusterings, findings."""
    path = viewer_projects.write(tmp_path_factory.mktemp("hostile") / "p<script>", 40, name=TEXTS[0])
    facts = store.read_project(path)
    store.write_project(path, name=TEXTS[0], model=TEXTS[1], dataset=TEXTS[2], method=TEXTS[3], label_names=TEXTS[:10])
    assert facts["name"] == TEXTS[0]
    spectral = store.open_analysis(path, "spectral")["3"]
    for text in [text for text in TEXTS[:30] if "\x00" not in text and len(text) < 150]:
        names = np.array([text[:100], "<b>two</b>"], dtype=object)
        named = spectral.assign_coords(clustering=names).assign_attrs(label=text)
        store.write_category(path, "spectral", text, named)
    store.write_analysis_index(path, "spectral", {f"<i>{TEXTS[0]}": f"failed {TEXTS[1]}"})
    for at, text in enumerate(TEXTS[:40]):
        findings.keep(path, Finding(f"{text[:200]} {at}", text, (text,), "spectral", text, (5, 8)))
    return path


@pytest.fixture(scope="module")
def hostile_address(serve, project):
    return serve(project)


def is_clean(viewer) -> bool:
    """No script ran, and nothing of the project became an element of the page."""
    foreign = """() => {
        let found = 0
        const visit = node => {
            if (["I", "IFRAME", "OBJECT"].includes(node.nodeName) || node.getAttribute?.("onerror")
                || node.getAttribute?.("onload") || node.getAttribute?.("onfocus")) found += 1
            if (node.nodeName === "SCRIPT" && node.textContent.startsWith("window.hacked")) found += 1
            for (const child of node.children ?? []) visit(child)
            if (node.shadowRoot) visit(node.shadowRoot)
        }
        visit(document.body)
        return window.hacked === undefined && found === 0
    }"""
    return viewer.page.evaluate(foreign)


@pytest.mark.parametrize("view", ["explore", "clusters", "categories", "compare", "concepts", "findings"])
def test_a_hostile_project_shows_its_names_as_text(visit, hostile_address, view):
    viewer = visit(f"?view={view}&focus=5&category={quote(TEXTS[0])}&colour=label", at=hostile_address)
    viewer.page.wait_for_timeout(200)
    assert is_clean(viewer)
    assert viewer.page.get_by_role("navigation", name="Projects").get_by_role("button").inner_text() == TEXTS[0]


def test_hostile_clusters_can_be_used(visit, hostile_address):
    viewer = visit(f"?view=clusters&category={quote(TEXTS[0])}", at=hostile_address)
    viewer.page.locator(".page.clusters article").first.get_by_title("Select this cluster").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")
    viewer.settled()
    assert is_clean(viewer)


NAMES = tuple(field.name for field in fields(State))


def test_hostile_links_make_a_page(project):
    """Every one of 200 texts in two settings of a link: the views are drawn, and none has the text as markup."""
    projects = open_projects([str(project)])
    session = Session(Document(), projects)
    for at, text in enumerate(TEXTS):
        given = {NAMES[at % len(NAMES)]: text, NAMES[(at + 1) % len(NAMES)]: text}
        state, warnings = from_arguments({name: [value.encode()] for name, value in given.items()})
        scene = resolve(projects, state)
        assert isinstance(scene, Scene) and (warnings or scene.warnings or text in vars(scene.state).values())
        session.go(state, warnings)
        texts = "".join(model.text for model in session.doc.select({"type": Div}))
        assert f"<script>{ALERT}" not in texts and "<img src=x" not in texts and "<svg" not in texts


def test_hostile_messages_from_a_page_are_answers_and_not_crashes(project):
    """Whatever a browser is made to send: the views stay drawn, and no text of it becomes markup."""
    session = Session(Document(), open_projects([str(project)]))
    chance = random.Random(2)
    for text in TEXTS:
        values = [text, {"of": text, "value": text}, {"plot": text, "of": text, "shown": [text]}, [text], None, 10**30]
        action = {"name": chance.choice([*ACTIONS, *ANYWHERE, text]), "value": chance.choice(values)}
        if action["name"] not in ("drop", "keep", "rename"):  # these write, as everyone who opens the page may
            session.page.action = chance.choice([json.dumps(action), text, json.dumps(text)])
        texts = "".join(model.text for model in session.doc.select({"type": Div}))
        assert f"<script>{ALERT}" not in texts and "<img src=x" not in texts and "<svg" not in texts
    assert isinstance(session.scene, Scene)


def test_hostile_links_answer_with_a_page(hostile_address):
    for at, text in enumerate(TEXTS[:9]):
        query = f"{NAMES[at % len(NAMES)]}={quote(text)}&{NAMES[(at + 1) % len(NAMES)]}={quote(text)}"
        with urllib.request.urlopen(f"{hostile_address}?{query}") as reply:
            body = reply.read().decode()
        assert reply.status == 200 and f"<script>{ALERT}" not in body and "onerror=window" not in body


def test_hostile_links_in_the_browser(visit, hostile_address):
    for text in TEXTS[:4]:
        viewer = visit(
            f"?category={quote(text + '!')}&colour_map={quote(text)}&selection={quote(text)}", at=hostile_address
        )
        assert is_clean(viewer)


@pytest.mark.parametrize(
    "place", ["image/{}/5/input.png", "image/p%3Cscript%3E/5/{}.png", "mean/{}/input.png?samples=b0.x"]
)
def test_hostile_addresses_of_pictures_are_refused(hostile_address, place):
    for text in TEXTS:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{hostile_address}/{place.format(quote(text, safe=''))}")
        with refused.value as error:
            assert error.code in (400, 404, 414)


@pytest.mark.parametrize(
    "path", ["static/../main.py", "static/..%2fmain.py", "image/../../project.json", "%2e%2e/%2e%2e/etc/passwd"]
)
def test_no_file_outside_is_served(hostile_address, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{hostile_address}/{path}")
    with refused.value as error:
        assert error.code in (403, 404)


def test_hostile_json_is_a_state_or_an_error():
    chance = random.Random(1)
    for text in TEXTS:
        value = chance.choice([text, [text], {text: text}, 10**400, -1, None, 1e308, True, [[[]]]])
        try:
            state, _ = from_json(
                json.dumps(FORMATS | {chance.choice(["category", "samples", "focus", "page", text]): value})
            )
        except ValueError:
            continue
        assert from_query("category=x").state.category == "x" and len(state.category) <= 1000


def test_hostile_findings_files_are_errors_in_the_page(visit, serve, tmp_path):
    path = viewer_projects.write(tmp_path / "p", 12)
    (path / "findings.json").write_text("[" * 5000)
    viewer = visit("?view=findings", at=serve(path))
    expect(viewer.page.get_by_text("findings.json cannot be read")).to_be_visible()


@pytest.mark.parametrize("view", ["explore", pytest.param("clusters", marks=pytest.mark.slow)])
def test_an_empty_category_and_one_sample_and_nan_are_shown(visit, serve, tmp_path, view):
    path = viewer_projects.write(tmp_path / "p", 12)
    whole = store.open_analysis(path, "spectral")["3"]
    store.write_category(path, "spectral", "1", whole.isel(sample=slice(0, 1)))
    store.write_category(path, "spectral", "0", whole.isel(sample=slice(0, 0)))
    store.write_category(path, "spectral", "2", whole.assign(tsne=whole.tsne * np.nan))
    store.write_part(path, 9, _nan_part())
    address = serve(path)
    for category in ("0", "1", "2"):
        viewer = visit(f"?category={category}&view={view}&beside=spectral", at=address)
        assert viewer.page.locator(".banner").get_by_role("alert").all_inner_texts() == []


def _nan_part() -> xr.Dataset:
    dims = viewer_projects.DIMS
    nothing = np.full((1, 1, 12, 12), np.nan, np.float32)
    arrays = {"image": (dims, np.zeros((1, 1, 12, 12), np.uint8)), "relevance": (dims, nothing)}
    arrays["output"] = (("sample", "class"), np.full((1, 10), np.nan, np.float32))
    facts = {"label": ("sample", [0]), "target": ("sample", [0]), "prediction": ("sample", [0])}
    return xr.Dataset(arrays, {"sample": [100_000]} | facts)
