"""Actions as no page of ours sends them, through the websocket of a running viewer."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.error import HTTPError

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.faults.clock import clock, longest
from bench.faults.row import Found
from viewer.session.actions import ACTIONS, ANYWHERE

NAMES = (*ACTIONS, *ANYWHERE, "nothing", "", "__class__")
KEYS = ("of", "value", "plot", "shown", "samples", "name", "text", "at", "bits", "geometry", "mode", "tags")
ODD = (
    None, -1, 1e308, 10**30, "", "x" * 2000, [], {}, [[[]]], "../../etc/passwd", True, "e\0", "\ud800", "[" * 5000,
)  # fmt: skip
LIMIT = 1.0  # seconds for an answer
PATIENCE = 10  # seconds after which there is none
CLOSED, SILENT = "hung up on", "without an answer"
"""How nonsense may end as well: others must have their answers meanwhile."""


class Page(NamedTuple):
    """A page as a browser holds it: its connection, and the model that its actions are written to."""

    socket: WebSocketClientConnection
    model: str

    async def send(self, kind: str, content: Any) -> str:
        """One message of Bokeh's protocol; the kind of the answer to it."""
        number = str(random.getrandbits(48))
        for frame in ({"msgid": number, "msgtype": kind}, {}, content):
            text = frame if isinstance(frame, str) else json.dumps(frame)
            await self.socket.write_message(text.encode("utf-8", "replace"), binary=False)
        while True:
            header, _ = await message(self.socket)
            if header.get("reqid") == number:
                return header["msgtype"]


async def message(socket: WebSocketClientConnection) -> tuple[dict[str, Any], Any]:
    """Header and content of the next message."""
    header, _, content = [await frame(socket) for _ in range(3)]
    for _ in range(2 * json.loads(header).get("num_buffers", 0)):
        await frame(socket)
    return json.loads(header), content


async def frame(socket: WebSocketClientConnection) -> str | bytes:
    found = await asyncio.wait_for(socket.read_message(), PATIENCE)
    if found is None:
        raise ConnectionError("closed")
    return found


async def opened(address: str, cookie: str) -> Page:
    """A page by who was let in; one of too many waits until the server has given up those that were closed."""

    def page() -> str:
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Cookie": cookie}), timeout=60) as answer:
            return answer.read().decode()

    for _ in range(60):
        try:
            found = await asyncio.to_thread(page)
            break
        except HTTPError as error:
            if error.code != 503:
                raise
            await asyncio.sleep(1)
    else:
        raise TimeoutError("too many pages are open for a minute")
    token = re.search(r'"token":"([^"]+)"', found)
    assert token, "the page has no token of a session"
    request = HTTPRequest(re.sub("^http", "ws", address) + "/ws", headers={"Cookie": cookie})
    socket = await websocket_connect(request, subprotocols=["bokeh", token[1]])
    await message(socket)  # it greets
    for content in ({"msgid": "0", "msgtype": "PULL-DOC-REQ"}, {}, {}):
        await socket.write_message(json.dumps(content))
    header, document = await message(socket)
    assert header["msgtype"] == "PULL-DOC-REPLY", header
    return Page(socket, next(page_models(json.loads(document))))


def page_models(found: Any) -> Iterator[str]:
    """Ids of the models that are called page."""
    if isinstance(found, dict):
        attributes = found.get("attributes")
        if isinstance(attributes, dict) and attributes.get("name") == "page":
            yield found["id"]
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from page_models(inner)


def patch(model: str, new: Any, attr: Any = "action") -> dict[str, Any]:
    return {"events": [{"kind": "ModelChanged", "model": {"id": model}, "attr": attr, "new": new}]}


def draw(chance: random.Random, number: int, model: str) -> tuple[str, Any]:
    """Kind and content of a message: mostly actions of every name and odd content, some that are none, some of no
    protocol."""
    values = [*ODD, {key: chance.choice(ODD) for key in chance.sample(KEYS, 2)}, chance.choices(ODD, k=3)]
    action = {"name": NAMES[number % len(NAMES)], "value": chance.choice(values)}
    text = chance.choice([json.dumps(action)] * 8 + [str(action), json.dumps(action["value"])])
    odd = chance.choice(ODD)
    other = [
        patch(model, odd),
        patch(model, odd, chance.choice(["marks", "selection", "command", "__class__", "id", odd])),
        patch("p1" if odd is None else str(odd)[:50], text),
        {"events": [{"kind": chance.choice(["ColumnDataChanged", "RootRemoved", "MessageSent", "x"]), "model": odd}]},
        {"events": odd},
        odd,
        "{",
    ]
    kind = chance.choice(["PATCH-DOC"] * 40 + ["PUSH-DOC", "SERVER-INFO-REQ", "ACK", "nothing"])
    return kind, chance.choice([*[patch(model, text)] * 40, *other])


async def _forged(address: str, cookie: str, process: int, chance: random.Random, times: int) -> Found:
    found, slowest, by_clock = Found("forged actions", "harmless; answered within 1 s"), 0.0, 0.0
    page = await opened(address, cookie)
    for number in range(times):
        kind, content = draw(chance, number, page.model)
        start, began = time.monotonic(), clock(process)
        try:
            how = {"OK": "answered", "ERROR": "refused"}.get(await page.send(kind, content), "answered")
        except ConnectionError:  # WebSocketClosedError too: who talks nonsense need not be heard out
            how = CLOSED
        except TimeoutError:
            how = SILENT
        took, passed = clock(process) - began, time.monotonic() - start
        if how != SILENT:
            slowest, by_clock = max(slowest, took), max(by_clock, passed)
        what = f"{kind} {str(content)[:200]!r}"
        found.end(how, f"{took:.1f} s for {what}" if took > LIMIT and how != SILENT else "")
        if how in (CLOSED, SILENT):
            page.socket.close()
            page = await opened(address, cookie)
    page.socket.close()
    page = await opened(address, cookie)  # the next visitor has all that there was
    ends = await page.send("PATCH-DOC", patch(page.model, json.dumps({"name": "view", "value": "categories"})))
    if ends != "OK":
        found.wrong.append(f"the page does not work any more: {ends}")
    found.note = longest(slowest, by_clock)
    return found


def forged(address: str, cookie: str, process: int, chance: random.Random, times: int) -> Found:
    """Messages to the page at `address` of a server's process, one after the other, each waited for."""
    return asyncio.run(_forged(address, cookie, process, chance, times))
