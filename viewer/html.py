"""HTML with everything from outside escaped: text, attribute values, addresses."""

from html import escape
from urllib.parse import quote, urlencode


def tag(name: str, *children: str, **attributes: object) -> str:
    """An element around children that are HTML already. `text()` makes HTML of anything else.

    >>> tag("b", text("a < b"), title='say "hi"', data_row=3, hidden=None)
    '<b title="say &quot;hi&quot;" data-row="3">a &lt; b</b>'
    """
    given = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    written = "".join(f' {key}="{escape(str(value))}"' for key, value in given)
    if name in ("img", "br", "hr", "input"):
        return f"<{name}{written}>"
    return f"<{name}{written}>{''.join(children)}</{name}>"


def text(value: object) -> str:
    return escape(str(value))


def button(action: str, value: object, *children: str, **attributes: object) -> str:
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
