"""Write the screenshots of docs/images: `python docs/viewer_screenshots.py [PROJECT]`, or of the tests' project.

Headless Chromium visits a server of our own.
"""

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.viewer import ARGUMENTS, CHROMIUM, READY, serving  # noqa: E402
from tests.support import viewer_projects  # noqa: E402

SIZE = {"width": 1280, "height": 720}
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
    query, actions = SHOTS[name]
    page.goto(address + query)
    page.evaluate("localStorage.clear()")
    page.wait_for_function(READY)
    for action in actions:
        act(page, action)
    page.mouse.move(SIZE["width"] - 4, SIZE["height"] - 4)  # where nothing is pointed at
    page.wait_for_timeout(1200)
    file = ROOT / "docs" / "images" / f"viewer-{name}.png"
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(file, optimize=True)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", type=Path)
    given = parser.parse_args().project
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project = Path(folder) / "digits"  # a copy, because one of the shots keeps a finding
        if given:
            shutil.copytree(given, project, ignore=shutil.ignore_patterns("cache", "findings.json"))
        else:
            viewer_projects.write(project, 600)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serving(project) as (address, _):
            for name in SHOTS:
                page = browser.new_context(viewport=SIZE).new_page()
                file = shoot(page, address, name)
                print(file.relative_to(ROOT), file.stat().st_size // 1024, "kB")  # noqa: T201
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
