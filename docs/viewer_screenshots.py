"""Write the screenshots of docs/images: `python docs/viewer_screenshots.py [PROJECT]`, or of the tests' project; and
`--ranked LETTERS TEXT`.

Headless Chromium visits a server of our own.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.viewer import ARGUMENTS, CHROMIUM, READY, serving  # noqa: E402
from tests.support import viewer_kinds, viewer_projects  # noqa: E402
from viewer.state import encode  # noqa: E402

SIZE: ViewportSize = {"width": 1280, "height": 720}
TALL: ViewportSize = {"width": 1000, "height": 900}
NOTE = {
    "Name": "Box in the corner",
    "Tags, with commas between": "box, top left",
    "Author": "Ann",
    "Note": "These digits carry a grey box at the top left, and the network looks at it.",
}
SHOTS = {
    "explore": ("?mode=overlay&scaling=category", ["Select cluster 0"]),
    "explore-dark": ("?mode=overlay&scaling=category", ["Theme", "Select cluster 0"]),
    "pictures": ("?mode=heatmap&markers=pictures&beside=spectral", ["Select cluster 0", "Labels"]),
    "tree-dark": ("?spectrum=tree&clustering=tree-3&mode=input", ["Theme", "Select cluster 0"]),
    "focus": ("?mode=heatmap&beside=spectral", ["Select cluster 0", "first"]),
    "clusters": ("?view=clusters", []),
    "clusters-dark": ("?view=clusters", ["Theme"]),
    "categories": ("?view=categories", []),
    "compare": ("?view=explore", ["Select cluster 0", "Compare"]),
    "findings-dark": ("?view=explore", ["Theme", "Select cluster 0", "Findings", "keep"]),
}

RANKED = {  # of two projects that `spray rank` has judged, letters and text of the demo
    "ranking": ("", []),
    "differs": ("", ["Open the suspect group", "Differs"]),
    "way-clusters": ("", ["Open the suspect group", "Clusters"]),
    "way-text": ("", ["Which library"]),
    "way-text-clusters": ("", ["Which library", "Open the suspect group", "Clusters"]),
}

SELECTED = "&selection=" + encode(np.arange(0, viewer_kinds.N, 3))
FOCUS, GALLERY, SHEET = "section.focus", "section.samples", "section.page.clusters"
KINDS = {  # file -> project, what is open, which part of the page, whether dark
    "signal": ("signal", "&focus=1", FOCUS, False),
    "text": ("text", "&focus=1", FOCUS, False),
    "table": ("table", "&focus=1", FOCUS, False),
    "volume": ("volume", "&focus=1", FOCUS, False),
    "spectrogram": ("spectrogram", "&focus=1", FOCUS, False),
    "signal-gallery-dark": ("signal", SELECTED, GALLERY, True),
    "text-gallery": ("text", SELECTED, GALLERY, False),
    "volume-gallery-dark": ("volume", SELECTED, GALLERY, True),
    "signal-clusters": ("signal", "&view=clusters", SHEET, False),
    "text-clusters-dark": ("text", "&view=clusters", SHEET, True),
    "table-clusters-dark": ("table", "&view=clusters", SHEET, True),
    "volume-clusters": ("volume", "&view=clusters", SHEET, False),
    "spectrogram-clusters-dark": ("spectrogram", "&view=clusters", SHEET, True),
}
COLOURS = 256  # of a palette: what is drawn is small then
SHOWN = """() => {
    const visit = (node) => [
        ...(node.nodeName === "IMG" && node.getBoundingClientRect().height ? [node] : []),
        ...[...(node.children ?? []), ...(node.shadowRoot ? [node.shadowRoot] : [])].flatMap(visit),
    ]
    const near = visit(document.body).filter((image) => image.getBoundingClientRect().top < innerHeight)
    return Bokeh.documents[0].is_idle && near.every((image) => image.complete && image.naturalWidth)
}"""


def act(page: Page, name: str) -> None:
    """Click a button by (the beginning of) its name, or the first picture of the gallery; or keep a finding."""
    if name == "keep":
        for label, text in NOTE.items():
            page.get_by_label(label, exact=True).fill(text)
        name = "Keep"
    target = page.locator(".tiles figure button") if name == "first" else page.get_by_role("button", name=name)
    target.first.click()
    page.wait_for_timeout(1500)
    page.wait_for_function(SHOWN)


def shoot(page: Page, address: str, name: str, where: str = "") -> Path:
    query, actions = (SHOTS | RANKED)[name]
    page.goto(address + query + (f"&{where}" if where else ""))
    page.evaluate("localStorage.clear()")
    page.wait_for_function(READY)
    for action in actions:
        act(page, action)
    page.mouse.move(SIZE["width"] - 4, SIZE["height"] - 4)  # where nothing is pointed at
    page.wait_for_function(SHOWN)
    page.wait_for_timeout(600)
    return keep(page.screenshot(), name)


def keep(screenshot: bytes, name: str, colours: int = 0) -> Path:
    file = ROOT / "docs" / "images" / f"viewer-{name}.png"
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    (picture.quantize(colours, dither=Image.Dither.NONE) if colours else picture).save(file, optimize=True)
    return file


def shoot_kinds(browser: Browser, address: str) -> Iterator[Path]:
    """Samples of each kind that is no picture: in focus, in the gallery, on the contact sheet."""
    for name, (project, query, part, dark) in KINDS.items():
        page = browser.new_context(
            viewport=SIZE if part == SHEET else TALL, color_scheme="dark" if dark else "light"
        ).new_page()
        page.goto(f"{address}?project={project}&mode=overlay{query}")
        page.wait_for_function(READY)
        page.wait_for_function(SHOWN)
        page.wait_for_timeout(600)
        yield keep(page.locator(part).screenshot(), name, COLOURS)
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="*", type=Path)
    parser.add_argument("--ranked", action="store_true", help="only the way from the ranking, of LETTERS and TEXT")
    parser.add_argument("--where", default="", help='of PROJECT, such as "category=1&clustering=spectral-2"')
    parser.add_argument("--kinds", action="store_true", help="only the samples of other kinds than pictures")
    arguments = parser.parse_args()
    given, shots = arguments.project, RANKED if arguments.ranked else [] if arguments.kinds else SHOTS
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        projects = [Path(folder) / one.name for one in given]  # copies, because one of the shots keeps a finding
        for source, copy in zip(given, projects, strict=True):
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("cache", "findings.json"))
        if not given:
            projects = [Path(folder) / "digits"]
            viewer_projects.write(projects[0], 600)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serving(*projects) as (address, _):
            for name in shots:
                page = browser.new_context(viewport=SIZE).new_page()
                file = shoot(page, address, name, arguments.where)
                print(file.relative_to(ROOT), file.stat().st_size // 1024, "kB")  # noqa: T201
                page.close()
        if arguments.ranked:
            return
        kinds = viewer_kinds.write(Path(folder) / "kinds", hostile=False)
        with serving(*kinds) as (address, _):
            for file in shoot_kinds(browser, address):
                print(file.relative_to(ROOT), file.stat().st_size // 1024, "kB")  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
