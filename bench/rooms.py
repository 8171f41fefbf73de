"""The floor plan in numbers, read from the imports: `python -m bench.rooms`, or with `--root DIR` for another checkout.

A room is a file or a folder that lies directly in a package or in one of its folders. An arrow leads from a room to
one that it imports. The floors are the rooms on the longest way along arrows, and a circle is a set of rooms that all
lead to each other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import networkx

PACKAGES = ("lrp", "spray", "viewer")


def rooms(imports: grimp.ImportGraph, folder: str) -> networkx.DiGraph:
    """The rooms of a folder and the arrows between them."""
    found = networkx.DiGraph()
    found.add_nodes_from(imports.find_children(folder))
    below = {room: {room} | imports.find_descendants(room) for room in found}
    of = {module: room for room, modules in below.items() for module in modules}
    for module, room in of.items():
        for imported in imports.find_modules_directly_imported_by(module):
            if imported in of and of[imported] != room:
                found.add_edge(room, of[imported])
    return found


def floors(plan: networkx.DiGraph) -> int:
    """Rooms on the longest way; a circle is one floor."""
    whole = networkx.condensation(plan)
    return networkx.dag_longest_path_length(whole) + 1 if len(whole) else 0


def circles(plan: networkx.DiGraph) -> list[set[str]]:
    """Sets of rooms that all lead to each other."""
    return [found for found in networkx.strongly_connected_components(plan) if len(found) > 1]


def folders(imports: grimp.ImportGraph, package: str) -> Iterator[str]:
    """The package and its folders, the outer ones first."""
    yield package
    yield from sorted(module for module in imports.find_descendants(package) if imports.find_children(module))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="another checkout")
    root = parser.parse_args().root.resolve()
    sys.path.insert(0, str(root))
    print(f"{'folder':28} {'files':>5} {'rooms':>5} {'floors':>6} {'arrows':>6} {'circles':>7}")
    for package in PACKAGES:
        imports = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
        for folder in folders(imports, package):
            plan = rooms(imports, folder)
            files = len(list((root / folder.replace(".", "/")).glob("*.py")))
            numbers = (len(plan), floors(plan), plan.number_of_edges(), len(circles(plan)))
            print(f"{folder:28} {files:5} " + " ".join(f"{n:>{w}}" for n, w in zip(numbers, (5, 6, 6, 7), strict=True)))
            for circle in circles(plan):
                print(f"    circle: {', '.join(sorted(circle))}")


if __name__ == "__main__":
    main()
