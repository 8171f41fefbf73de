"""A proxy that puts a server below a path and strips it, as jupyter-server-proxy does: the server never hears of it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

PREFIX = "/user/me/proxy/5006"
PASSED = ("Content-Type", "Location", "Set-Cookie", "Content-Security-Policy")


class Pages(RequestHandler):
    def initialize(self, target: str) -> None:
        self.target = target

    async def get(self, rest: str) -> None:
        address = f"http://{self.target}{rest}" + (f"?{self.request.query}" if self.request.query else "")
        headers = {"Host": self.target, "Cookie": self.request.headers.get("Cookie", "")}
        asked = HTTPRequest(address, headers=headers, follow_redirects=False)
        found = await AsyncHTTPClient().fetch(asked, raise_error=False)
        self.set_status(found.code)
        for name in PASSED:
            if name in found.headers:
                self.set_header(name, found.headers[name])
        self.finish(found.body)


class Socket(WebSocketHandler):
    def initialize(self, target: str) -> None:
        self.target = target

    def select_subprotocol(self, subprotocols: list[str]) -> str:
        self.offered = subprotocols
        return subprotocols[0]

    async def open(self, rest: str) -> None:
        asked = HTTPRequest(f"ws://{self.target}{rest}", headers={"Cookie": self.request.headers.get("Cookie", "")})
        self.server = await websocket_connect(
            asked, on_message_callback=self.answer, subprotocols=self.offered, max_message_size=1 << 25
        )

    def answer(self, message: str | bytes | None) -> None:
        if message is not None and self.ws_connection:
            self.write_message(message, isinstance(message, bytes))

    async def on_message(self, message: str | bytes) -> None:
        await self.server.write_message(message, isinstance(message, bytes))

    def on_close(self) -> None:
        self.server.close()


@contextmanager
def below_a_path(target: str) -> Iterator[str]:
    """The address at which `target`, a name and a port, is there for browsers."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    sockets = bind_sockets(0, "127.0.0.1")
    routes = [(f"{PREFIX}(/.*/ws)", Socket, {"target": target}), (f"{PREFIX}(/.*)", Pages, {"target": target})]

    async def run() -> None:
        server = HTTPServer(Application(routes))
        server.add_sockets(sockets)
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield f"http://localhost:{sockets[0].getsockname()[1]}{PREFIX}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
