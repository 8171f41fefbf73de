"""Two threads that draw pictures and do what takes long, so that the server answers everyone meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="picture")
MOST_WAITING = 1000  # pictures: ten pages of 100 at once, by as many visitors
_waiting: set[Future] = set()


class Full(RuntimeError):
    """More is asked for than will be done."""


async def drawn(make: Callable[..., bytes], *arguments: object) -> bytes:
    """What `make` returns; it is not begun where nobody waits for it any more."""
    if len(_waiting) >= MOST_WAITING:
        raise Full
    future = POOL.submit(make, *arguments)
    _waiting.add(future)
    future.add_done_callback(_waiting.discard)
    return await asyncio.wrap_future(future)
