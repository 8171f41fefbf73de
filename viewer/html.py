"""HTML that is safe by default: whatever is not Markup already is escaped; so are attribute values and addresses."""

from urllib.parse import quote, urlencode

from markupsafe import Markup

from spray.pictures.markup import VOID, join, tag

__all__ = ["VOID", "address", "button", "join", "tag"]


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
