"""Elements that are safe by default: whatever is not Markup already is escaped; so are the values of attributes."""

from collections.abc import Iterable

from markupsafe import Markup, escape

VOID = ("img", "br", "hr", "input", "meta")


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element around children; those that are not Markup are text.

    Example:
        >>> tag("b", "a < b", tag("br"), title='say "hi"', data_row=3, hidden=None)
        Markup('<b title="say &#34;hi&#34;" data-row="3">a &lt; b<br></b>')
    """
    given = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    # an attribute is text even where its value is Markup
    written = "".join(f' {key}="{escape(f"{value}")}"' for key, value in given)
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[object], between: str = "") -> Markup:
    """One after the other, as children of a tag are; `"".join` would make text of them.

    Example:
        >>> join([tag("br"), "<"])
        Markup('<br>&lt;')
    """
    return escape(between).join(map(escape, parts))
