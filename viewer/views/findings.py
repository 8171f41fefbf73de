"""What people found in this project: named sets of samples with notes and tags."""

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from spray.store.findings import read
from viewer import html
from viewer.projects import Finding
from viewer.scene import Scene
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

RESTORED = 10  # deleted findings that are offered


def view(_update: Update) -> View:
    box = pane("findings")

    def render(scene: Scene) -> None:
        kept = read(scene.project.home)
        none = html.tag("p", "Nothing is kept yet. Select samples, name them, and keep them here.", class_="hint")
        found = html.tag("div", *map(_entry, kept.findings.values()), class_="findings") if kept.findings else none
        box.text = found + _deleted(kept.deleted)

    return View((box,), (), render, shown_in="findings", has_findings=True)


def _deleted(findings: Sequence[Finding]) -> Markup:
    """The last ones deleted, which may come back."""
    names = list(dict.fromkeys(finding.name for finding in reversed(findings)))[:RESTORED]
    buttons = (html.button("undelete", name, name, class_="plain", aria_label=f"Restore {name}") for name in names)
    return html.tag("p", "Deleted, press to restore: ", *buttons, class_="hint") if names else Markup()


def _time(created: str) -> str:
    """
    >>> _time("2026-12-01T07:21:40+00:00"), _time("")
    ('2026-12-01 07:21 UTC', '')
    """
    try:
        return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:  # of another version, or written by hand
        return created


def _entry(finding: Finding) -> Markup:
    where = f"{len(finding.samples)} samples of {finding.category or 'no category'}, {finding.analysis}"
    made = ", ".join(filter(None, (finding.author, _time(finding.created))))
    tags = html.tag("div", *(html.tag("span", tag, class_="tag") for tag in finding.tags), class_="tags")
    buttons = (
        html.button("recall", finding.name, "Show", class_="plain", aria_label=f"Show {finding.name}"),
        html.button("share_finding", finding.name, "Link", class_="plain", aria_label=f"Link to {finding.name}"),
        html.button("earlier", finding.name, "\N{UPWARDS ARROW}", class_="plain", aria_label=f"Move {finding.name} up"),
        html.button(
            "later", finding.name, "\N{DOWNWARDS ARROW}", class_="plain", aria_label=f"Move {finding.name} down"
        ),
        html.button("correct", finding.name, "Correct", class_="plain", aria_label=f"Correct {finding.name}"),
        html.button("drop", finding.name, "Delete", class_="plain", aria_label=f"Delete {finding.name}"),
    )
    name = {"value": finding.name, "data_input": "rename", "data_of": finding.name, "maxlength": 200}
    field = html.tag("input", aria_label=f"Rename {finding.name}", title="Rename", **name)
    head = html.tag("h3", field, aria_label=finding.name)
    done = html.tag("div", *buttons, class_="title")
    note = html.tag("p", finding.text) if finding.text else ""
    return html.tag("article", head, note, tags, html.tag("p", where, html.tag("br"), made, class_="hint"), done)
