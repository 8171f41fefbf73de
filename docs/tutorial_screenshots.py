"""Write the pictures of the tutorial: runs its Python in an empty folder, serves that project, visits it.

`python docs/tutorial_screenshots.py`, with Playwright and Chromium; pictures have few colours, so that they stay small.
"""

import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from bench.viewer import ARGUMENTS, CHROMIUM, READY, serving  # noqa: E402

SIZE = {"width": 1280, "height": 720}
AT = "?category=1&clustering=spectral-2"


def run_tutorial(folder: Path) -> None:
    """The Python blocks, from top to bottom."""
    os.chdir(folder)
    scope: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```", (DOCS / "tutorial.md").read_text("utf-8"), re.M | re.S):
        exec(compile(block, "tutorial.md", "exec"), scope)


def save(picture: Image.Image, name: str) -> None:
    file = DOCS / "images" / f"tutorial-{name}.png"
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(file.name, file.stat().st_size // 1024, "kB")  # noqa: T201


def shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)
    save(Image.open(io.BytesIO(page.screenshot())), name)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run_tutorial(Path(folder))
        save(Image.open("heatmaps.png"), "heatmaps")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or CHROMIUM, args=ARGUMENTS)
        with serving(Path(folder) / "project") as (address, _):
            page = browser.new_context(viewport=SIZE).new_page()
            page.goto(address + AT + "&view=clusters")
            page.wait_for_function(READY)
            shoot(page, "clusters")
            page.get_by_title("Select this cluster").first.click()
            page.get_by_role("button", name="Explore").click()
            page.wait_for_timeout(600)
            shoot(page, "explore")
        browser.close()


if __name__ == "__main__":
    main()
