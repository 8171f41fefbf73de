"""The pictures' route of a real server."""

import urllib.error
import urllib.request

import numpy as np
import pytest

from viewer.state import encode


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


def test_below_a_prefix_and_with_a_slash_at_the_end(serve, visit, digits):
    address = serve(digits, options=("--prefix", "/spray"))
    assert address.endswith("/spray/viewer")
    viewer = visit("/?category=7", at=address)
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.expect_samples([8 + 12 * at for at in range(20)])
    viewer.settled()


def test_pictures_ask_for_the_login(serve, digits, tmp_path):
    (tmp_path / "auth.py").write_text(
        "def get_user(handler):\n    return handler.get_cookie('user')\n\nlogin_url = '/login'\n"
        "from tornado.web import RequestHandler\n\nclass LoginHandler(RequestHandler):\n"
        "    def get(self):\n        self.write('who are you?')\n"
    )
    address = serve(digits, options=("--auth-module", str(tmp_path / "auth.py")))
    for path in ("", "/image/digits/5/input.png", "/mean/digits/input.png?samples=b5.x"):
        status, kind, data = get(address + path)
        assert b"who are you?" in data and "png" not in kind and status == 200
    request = urllib.request.Request(f"{address}/image/digits/5/input.png", headers={"Cookie": "user=me"})
    with urllib.request.urlopen(request) as reply:
        assert reply.headers["Content-Type"] == "image/png"


def test_mean_and_cluster_pictures(address):
    samples = encode(np.array([5, 17, 29]))
    for path in (f"mean/digits/heatmap.png?samples={samples}", "cluster/digits/spectral/3/hdbscan/-1/overlay.png"):
        assert get(f"{address}/{path}")[:2] == (200, "image/png")
    unknown = encode(np.array([5, 6]))
    for path in (
        f"mean/digits/heatmap.png?samples={unknown}",
        "mean/digits/heatmap.png",
        "mean/digits/x.png?samples=b5.",
    ):
        assert get(f"{address}/{path}")[0] == 404
    for path in ("spectral/99/hdbscan/0", "none/3/hdbscan/0", "spectral/3/none/0", "spectral/3/hdbscan/77"):
        assert get(f"{address}/cluster/digits/{path}/input.png")[0] == 404
