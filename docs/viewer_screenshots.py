"""Write the screenshots of docs/images: `python docs/viewer_screenshots.py [PROJECT]`, or of the tests' project.

Headless Chromium visits a server of our own.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.viewer import ARGUMENTS, CHROMIUM, READY, serving  # noqa: E402
from tests.support import viewer_kinds, viewer_projects  # noqa: E402

SIZE: ViewportSize = {"width": 1280, "height": 720}
TALL: ViewportSize = {"width": 1000, "height": 900}
NOTE = {
    "Name": "Box in the corner",
    "Tags, with commas between": "box, top left",
    "Note": "These digits carry a grey box at the top left, and the network looks at it.",
}
SHOTS = {
    "explore": ("?mode=overlay&scaling=category", ["Select cluster 1"]),
    "explore-dark": ("?mode=overlay&scaling=category", ["Theme", "Select cluster 1"]),
    "pictures": ("?mode=heatmap&markers=pictures&beside=spectral", ["Select cluster 0", "Labels"]),
    "tree-dark": ("?spectrum=tree&clustering=tree-3&mode=input", ["Theme", "Select cluster 1"]),
    "focus": ("?mode=heatmap&beside=spectral", ["Select cluster 1", "first"]),
    "clusters": ("?view=clusters", []),
    "clusters-dark": ("?view=clusters", ["Theme"]),
    "categories": ("?view=categories", []),
    "compare": ("", ["Select cluster 1", "Compare"]),
    "findings-dark": ("", ["Theme", "Select cluster 0", "Findings", "keep"]),
}

RANKED = {  # of a project that `spray rank` has judged
    "ranking": ("", []),
    "differs": ("", ["Open the suspect group", "Differs"]),
}

DRAWN = ("signal", "text", "table", "volume", "spectrogram")
COLOURS = 256  # of a palette: what is drawn is small then


def act(page: Page, name: str) -> None:
    """Click a button by (the beginning of) its name, or the first picture of the gallery; or keep a finding."""
    if name == "keep":
        for label, text in NOTE.items():
            page.get_by_label(label, exact=True).fill(text)
        name = "Keep"
    target = page.locator(".tiles figure button") if name == "first" else page.get_by_role("button", name=name)
    target.first.click()
    page.wait_for_timeout(600)


def shoot(page: Page, address: str, name: str) -> Path:
    query, actions = (SHOTS | RANKED)[name]
    page.goto(address + query)
    page.evaluate("localStorage.clear()")
    page.wait_for_function(READY)
    for action in actions:
        act(page, action)
    page.mouse.move(SIZE["width"] - 4, SIZE["height"] - 4)  # where nothing is pointed at
    page.wait_for_timeout(1200)
    return keep(page.screenshot(), name)


def keep(screenshot: bytes, name: str, colours: int = 0) -> Path:
    file = ROOT / "docs" / "images" / f"viewer-{name}.png"
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    (picture.quantize(colours, dither=Image.Dither.NONE) if colours else picture).save(file, optimize=True)
    return file


def shoot_kinds(page: Page, address: str) -> Iterator[Path]:
    """A sample in focus of each kind that is no picture, and clusters of texts."""
    for name in DRAWN:
        page.goto(f"{address}?project={name}&focus=1&mode=overlay")
        page.wait_for_function(READY)
        page.wait_for_timeout(1500)
        yield keep(page.locator("section.focus").screenshot(), name, COLOURS)
    page.goto(f"{address}?project=text&view=clusters&mode=overlay")
    page.wait_for_function(READY)
    act(page, "Theme")
    page.wait_for_timeout(1500)
    yield keep(page.locator("section.page.clusters").screenshot(), "text-clusters-dark", COLOURS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--ranked", action="store_true", help="only the way from the ranking, of a ranked PROJECT")
    parser.add_argument("--kinds", action="store_true", help="only the samples of other kinds than pictures")
    arguments = parser.parse_args()
    given, shots = arguments.project, RANKED if arguments.ranked else [] if arguments.kinds else SHOTS
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project = Path(folder) / "digits"  # a copy, because one of the shots keeps a finding
        if given:
            shutil.copytree(given, project, ignore=shutil.ignore_patterns("cache", "findings.json"))
        else:
            viewer_projects.write(project, 600)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serving(project) as (address, _):
            for name in shots:
                page = browser.new_context(viewport=SIZE).new_page()
                file = shoot(page, address, name)
                print(file.relative_to(ROOT), file.stat().st_size // 1024, "kB")  # noqa: T201
                page.close()
        if arguments.ranked:
            return
        kinds = viewer_kinds.write(Path(folder) / "kinds", hostile=False)
        with serving(*kinds) as (address, _):
            page = browser.new_context(viewport=TALL).new_page()
            for file in shoot_kinds(page, address):
                print(file.relative_to(ROOT), file.stat().st_size // 1024, "kB")  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
