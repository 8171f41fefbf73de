"""What inputs and the output of a model are like, as plain data and as a graph without operators."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import fx

from lrp._torch import pytree
from lrp.graph.graph import Graph


def to_facts(graph: Graph) -> dict[str, Any]:
    """What a graph asks of its inputs, and the sizes of its output behind the batch: what JSON can hold."""
    types = [str(node.meta["val"].dtype).removeprefix("torch.") for node in graph.inputs]
    names = [node.name for node in graph.inputs]
    return {
        "inputs": [[name, list(sizes), kind] for name, sizes, kind in zip(names, graph.sizes, types, strict=True)],
        "output": [size if isinstance(size, int) else str(size) for size in graph.output.meta["val"].shape[1:]],
        "structure": json.loads(pytree.treespec_dumps(graph.structure)),
        "batch": graph.batch,
    }


def from_facts(facts: dict[str, Any]) -> Graph:
    """A graph of placeholders, which says what inputs must be like."""
    graph, inputs = fx.Graph(), []
    for name, sizes, dtype in facts["inputs"]:
        node = graph.placeholder(name)
        shape = [2 if isinstance(size, str) else size for size in sizes]
        node.meta["val"] = torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        inputs.append(node)
    output = graph.call_function(torch.Tensor.size, (inputs[0],), name="output_of_the_model")  # never run
    shape = [2 if isinstance(size, str) else size for size in facts["output"]]
    output.meta["val"] = torch.empty((2, *shape), device="meta")
    graph.output(output)
    structure = pytree.treespec_loads(json.dumps(facts["structure"]))
    found = Graph(graph, {}, structure, facts["batch"])
    found.__dict__["sizes"] = tuple(tuple(sizes) for _, sizes, _ in facts["inputs"])
    return found
