"""A graph as an `nn.Module` again: it trains, is saved by its state_dict, and exports."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, fx, nn

from lrp._torch import fake_mode_of, make_fx
from lrp.graph.graph import Graph, computed, is_floating
from lrp.graph.normal.functionalize import any_layout
from lrp.process import one_at_a_time


@one_at_a_time
def as_module(graph: Graph, params: Mapping[str, Tensor] | None = None) -> nn.Module:
    """A graph, and its parameters, as a module without any code of `lrp`: for training, saving and exporting.

    Its `state_dict` has the names of the model that was traced, and those of what was inserted. What the model learned
    is an `nn.Parameter`, what it did not (running statistics, constants) a buffer. It computes what the model computes
    in evaluation mode, `train()` changes nothing. Tuned parameters go back into the model by its own
    `load_state_dict`, where nothing was inserted.

    Args:
        params: As `graph.params`, which is the default; they are copied. Tuned ones of `lrp.correct.tune`, say.

    Returns:
        A module of the traced inputs: `module(x)`, or with several inputs all of them in the order of the trace.
        `torch.export.export(module, (x,))`, `torch.save` and `copy.deepcopy` take it.

    Raises:
        KeyError: Parameters are missing.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> module, x = lrp.as_module(lrp.trace(model, torch.zeros(1, 3))), torch.randn(5, 3)
        >>> torch.equal(module(x), model(x)), list(module.state_dict())
        (True, ['0.weight', '0.bias', '2.weight', '2.bias'])
        >>> exported = torch.export.export(module, (x,))
    """
    given = graph.params if params is None else params
    if absent := sorted(set(graph.parameters) - set(given)):
        raise KeyError(f"params lack {', '.join(absent[:5])}; start from graph.params")
    recorded = _recorded(graph)
    module, env = fx.Graph(), {}
    names = dict(zip(recorded.graph.find_nodes(op="placeholder"), graph.parameters, strict=False))
    for node in recorded.graph.nodes:
        if node in names:
            env[node] = module.get_attr(names[node])
        elif node.op == "placeholder":
            env[node] = module.placeholder(f"x{len(env) - len(names)}" if len(graph.inputs) > 1 else "x")
        else:
            env[node] = module.node_copy(node, env.__getitem__)
    root = nn.Module()
    _hold(root, graph, given)
    made = fx.GraphModule(root, module)
    _hold(made, graph, given)  # once more: what is not saved, of the root's, would be
    return made.eval()


def _hold(root: nn.Module, graph: Graph, params: Mapping[str, Tensor]) -> None:
    """Keep each tensor under its dotted name, in modules within modules."""
    for name, node in graph.parameters.items():
        *path, last = name.split(".")
        owner, value = root, params[name].detach().clone()
        for part in path:
            if not hasattr(owner, part):
                owner.add_module(part, nn.Module())
            owner = getattr(owner, part)
        if node.meta.get("learned") and is_floating(value):
            owner.register_parameter(last, nn.Parameter(value))
        else:
            owner.register_buffer(last, value, persistent=node.meta.get("saved", True))


def _recorded(graph: Graph) -> fx.GraphModule:
    """The graph as a flat program of PyTorch's own operators, `(parameters, inputs) -> output`."""
    nodes = [*graph.parameters.values(), *graph.inputs]
    values = [node.meta["val"] for node in nodes]

    def run(*given: Tensor) -> Tensor:
        return computed(graph.fx.nodes, dict(zip(nodes, given, strict=True)))[graph.output]

    with fake_mode_of(graph.output.meta["val"]), torch.no_grad():
        module = make_fx(run, tracing_mode="symbolic")(*values)
    for node in module.graph.find_nodes(op="call_function", target=torch.ops.aten.detach.default):
        node.replace_all_uses_with(node.args[0])
    any_layout(module.graph)
    module.graph.eliminate_dead_code()
    return module
