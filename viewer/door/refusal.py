"""What is refused before any route hears of it, each with one line that says what to do."""

from html import escape
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler, stream_request_body

from viewer.door.hosts import Allowed, is_host, is_origin

LONGEST_ADDRESS = 60_000  # characters: a selection of any 300 000 samples; Tornado ends at 64 kB of headers
FOREIGN = ("cross-site", "same-site")  # a page of another port of this computer is of the same site


ASKING = """\
<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>SpRAy viewer</title>
<style>:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 640px; margin: 15vh auto; padding: 0 24px }} input, button {{ font: inherit; padding: 4px 8px }}
input {{ width: 100%; box-sizing: border-box; margin: 4px 0 12px }}</style>
<h1>The viewer wants its token</h1>
<p>This link has none, or that of a server that was started anew since. The address with the token stands where the
viewer was started, and ends in <code>?token=...</code>. All else that is in this link is kept.</p>
<form method="get">{kept}
<label>Token, or the address that has it <input name="token" required autocomplete="off" autofocus></label>
<button type="submit">Open</button></form></html>
"""


class Refusal(NamedTuple):
    status: int
    line: str


NO_HOST = Refusal(
    403, "This server does not go by that name: open it as localhost, or start it with --allow-websocket-origin NAME."
)
NO_ORIGIN = Refusal(
    403, "A page of another site asks for this: open the viewer by itself, or start it with --allow-websocket-origin."
)
NO_TOKEN = Refusal(
    403, "The viewer wants its token: open the address that ends in ?token=... where the viewer was started."
)
NO_PAGE = Refusal(400, "Who asks what may be asked says from which page: an OPTIONS request has an Origin.")
NUL = Refusal(400, "No file and no name has a character of code 0.")
NO_BODY = Refusal(413, "Nothing can be sent here.")
TOO_LONG = Refusal(414, f"This address has more than {LONGEST_ADDRESS} characters: export the view as a file instead.")
TOO_MANY = Refusal(503, "Too many pages are open on this server: close one, and load this page again in half a minute.")


def of_place(rules: Allowed, request: HTTPServerRequest) -> Refusal | None:
    """Whether the browser was led here by another site: under its name, or from one of its pages."""
    headers = request.headers
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if not is_host(rules, host):
        return NO_HOST
    if origin is not None:
        return None if is_origin(rules, origin, host) else NO_ORIGIN
    if request.method == "OPTIONS":  # every browser names the page then, and Bokeh's handler relies on it
        return NO_PAGE
    # Pictures and scripts are asked for without an origin. A link from elsewhere may lead here.
    if headers.get("Sec-Fetch-Site") in FOREIGN and headers.get("Sec-Fetch-Mode") != "navigate":
        return NO_ORIGIN
    return None


def of_content(request: HTTPServerRequest) -> Refusal | None:
    """What no route can take: a body, of which Tornado would keep 100 MB, and addresses that name nothing."""
    if request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers:
        return NO_BODY
    if "\0" in unquote(request.path):  # on which the operating system's functions fail, and with them Tornado's
        return NUL
    return TOO_LONG if len(request.uri or "") > LONGEST_ADDRESS else None


def _asking(query: str) -> str:
    """A form that leads to the same address with a token; a page without scripts.

    >>> '<input type="hidden" name="view" value="&lt;b&gt;">' in _asking("view=%3Cb%3E")
    True
    """
    fields = (
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return ASKING.format(kept="".join(fields))


@stream_request_body
class Refused(RequestHandler):
    """Answers with one line, and reads no body for it; who opens a page without the token has a field for it."""

    def initialize(self, refusal: Refusal) -> None:
        self.refusal = refusal

    def prepare(self) -> None:
        asks = self.refusal is NO_TOKEN and "text/html" in self.request.headers.get("Accept", "")
        self.set_status(self.refusal.status)
        self.set_header("Content-Type", f"text/{'html' if asks else 'plain'}; charset=utf-8")
        self.finish(_asking(self.request.query) if asks else self.refusal.line + "\n")

    def data_received(self, chunk: bytes) -> None:
        """What comes before the connection ends is dropped."""
