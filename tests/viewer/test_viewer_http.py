"""The pictures' route of a real server."""

import urllib.error
import urllib.request

import pytest


def get(url: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(url) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", error.read()


def test_picture(address):
    status, kind, data = get(f"{address}/image/digits/5/overlay.png?map=000,fff&gamma=0.5&percentile=99")
    assert (status, kind, data[:4]) == (200, "image/png", b"\x89PNG")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("digits/6/input.png", 404),
        ("digits/5/melted.png", 404),
        ("nowhere/5/input.png", 404),
        ("broken/5/input.png", 404),
        ("digits/99999999999999999999999/input.png", 404),
        ("..%2F..%2Fetc/5/input.png", 404),
        ("digits/5/..%2f..%2fpasswd.png", 404),
        ("digits/5/heatmap.png?map=no_such_map", 400),
        ("digits/5/heatmap.png?map=" + "f" * 2000, 400),
        ("digits/5/heatmap.png?gamma=nan", 400),
        ("digits/5/heatmap.png?limit=-1", 400),
        ("digits/5/heatmap.png?percentile=x", 400),
    ],
)
def test_anything_else_is_refused(address, path, status):
    assert get(f"{address}/image/{path}")[0] == status
