"""The viewer as a visitor sees it: real mouse and keys in headless Chromium, and what the page then shows."""

import json
import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from playwright.sync_api import BrowserContext, ConsoleMessage
from playwright.sync_api import TimeoutError as Timeout

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking", "--no-first-run"]

POSITION = """([x, y, name]) => {
    const plot = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name))
    const frame = plot.canvas_view.el.getBoundingClientRect()
    return [frame.x + plot.frame.x_scale.compute(x), frame.y + plot.frame.y_scale.compute(y)]
}"""
IDLE = "Bokeh.documents[0].is_idle"


class Viewer:
    def __init__(self, context: BrowserContext, url: str):
        self.context, self.problems = context, []
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")
        self.page.wait_for_function(IDLE)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} {message.location.get('url', '')}")

    def at(self, x: float, y: float, plot: str = "scatter") -> tuple[float, float]:
        """Where a point of the embedding is on the screen."""
        return tuple(self.page.evaluate(POSITION, [float(x), float(y), plot]))

    def lasso(self, *corners: tuple[float, float], keys: tuple[str, ...] = ()) -> None:
        """Draw around `corners`, given in the embedding's coordinates, with the mouse."""
        path = self._still(corners)
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.move(*path[0])
        self.page.mouse.down()
        for corner in [*path[1:], path[0]]:
            self.page.mouse.move(*corner, steps=8)
        self.page.mouse.up()
        for key in keys:
            self.page.keyboard.up(key)

    def _still(self, corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Where `corners` are on the screen, once the plot stays in its place: the layout may still follow scroll bars
        and pictures, and take it away from under the mouse."""
        before = None
        for _ in range(300):
            path = [self.at(*corner) for corner in corners]
            if path == before:
                return path
            before = path
            self.page.wait_for_timeout(100)
        raise AssertionError(f"the plot still moves after 30 s, last to {before}")

    def circle(self, x: float, y: float, radius: float, **options: Any) -> None:
        turns = [2 * math.pi * step / 12 for step in range(12)]
        self.lasso(*((x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns), **options)

    def state(self) -> dict[str, str]:
        """What the address holds."""
        return dict(parse_qsl(self.page.evaluate("location.search.slice(1)"), keep_blank_values=True))

    def samples(self) -> list[int]:
        """The samples that the gallery shows, in its order."""
        tiles = self.page.locator(".samples figure[data-sample]")
        return [int(sample) for sample in tiles.evaluate_all("tiles => tiles.map(tile => tile.dataset.sample)")]

    def expect_samples(self, samples: list[int]) -> None:
        """Wait until the gallery shows exactly `samples`, in any order."""
        wanted = json.dumps(sorted(samples))
        shown = """wanted => {
            const tiles = []
            const visit = node => {
                if (node.dataset?.sample && node.nodeName === "FIGURE") tiles.push(Number(node.dataset.sample))
                for (const child of node.children ?? []) visit(child)
                if (node.shadowRoot) visit(node.shadowRoot)
            }
            visit(document.querySelector(".samples"))
            return JSON.stringify(tiles.sort((a, b) => a - b)) === JSON.stringify(JSON.parse(wanted))
        }"""
        try:
            self.page.wait_for_function(shown, arg=wanted)
        except Timeout as error:
            error.add_note(f"wanted {wanted}, shown {sorted(self.samples())}, address {self.state()}")
            raise

    def choose(self, name: str, value: str) -> None:
        """Pick `value` in the select with the title `name`."""
        self.page.get_by_label(name, exact=True).select_option(label=value)

    def open_category(self, name: str) -> None:
        """Type a part of a category's name and take what is offered."""
        field = self.page.get_by_label("Category", exact=True)
        field.fill("")
        field.press_sequentially(name[:4])
        self.page.locator(".bk-menu").get_by_text(name, exact=True).click()

    def settled(self) -> None:
        """All pictures that are in view have arrived, and none is broken."""
        self.page.wait_for_function(
            """() => {
            const images = []
            const visit = node => {
                const box = node.nodeName === "IMG" ? node.getBoundingClientRect() : null
                if (box?.height && box.top < innerHeight) images.push(node)
                for (const child of node.children ?? []) visit(child)
                if (node.shadowRoot) visit(node.shadowRoot)
            }
            visit(document.body)
            return images.every(image => image.complete && image.naturalWidth > 0)
        }"""
        )
