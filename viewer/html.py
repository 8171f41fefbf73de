"""HTML that is safe by default: whatever is not Markup already is escaped; so are attribute values and addresses."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

VOID = ("img", "br", "hr", "input")


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element around children; those that are not Markup are text.

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

    >>> join([tag("br"), "<"])
    Markup('<br>&lt;')
    """
    return escape(between).join(map(escape, parts))


def button(action: str, value: object, *children: object, **attributes: object) -> Markup:
    """A button that the page reports as `action` with `value` (static/viewer.js)."""
    return tag("button", *children, type="button", data_action=action, data_value=value, **attributes)


def address(*parts: object, **query: object) -> str:
    """A relative address with every part and value quoted.

    >>> address("image", "a/b", 3, map="0ff,fff")
    'image/a%2Fb/3?map=0ff%2Cfff'
    """
    path = "/".join(quote(str(part), safe="") for part in parts)
    given = {key: value for key, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path
