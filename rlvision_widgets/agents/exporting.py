"""Edited agents as plain ones: edits of layers are folded into the weights around them, where that is exact."""

import copy
import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.editing import original_checkpoint, probes
from rlvision_widgets.agents.edits import network_edits_to_json
from rlvision_widgets.agents.hooks import HookedNetwork, close
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.agents.operations import Affine, EditedStage
from rlvision_widgets.agents.readers import next_kernel, plain_stage
from rlvision_widgets.agents.staged import RectifiedConv2d, StagedNetwork

__all__ = ["export_weights"]


def export_weights(agent: Agent) -> Agent:
    """Return an agent whose weights alone do what the edits did; `save_agent` takes it.

    Edits of kernels are in the weights already. An edit of a layer that is affine in a cell's channels goes into the
    convolution before it, if no channel is mixed with others or nothing rectifies it; or into the kernel after it, if
    nothing lies between them and nothing constant is added where the kernel pads with zeros.

    Parameters
    ----------
    agent : Agent
        From `edited_agent`.

    Returns
    -------
    Agent
        Without `edits`; info has them as JSON, and ``original_checkpoint``. For a wrapped agent its
        ``network.module.state_dict()`` has the weights.

    Raises
    ------
    ValueError
        When an edit cannot be in the weights; says for each layer why.
    """
    if not agent.edits:
        return agent
    network = copy.deepcopy(agent.network)
    reasons = []
    for layer, edits in _layer_edits(network):
        why = _fold(network, layer, edits)
        reasons += [f"layer {layer!r}: {why}"] if why else []
    if reasons:
        raise ValueError(
            f"not all edits of agent {agent.name!r} can be written as weights:\n"
            + "\n".join(f"- {reason}" for reason in reasons)
            + "\nKeep the edits instead: network_edits_to_json(agent.edits)."
        )
    original = original_checkpoint(agent.checkpoint)
    info = {**agent.info, "original_checkpoint": original, "edits": network_edits_to_json(agent.edits)}
    plain = dataclasses.replace(agent, network=network, edits=(), checkpoint="", info=info)
    _check_same(agent, plain)
    return plain


def _layer_edits(network: LayeredNetwork) -> Iterator[tuple[str, list[nn.Module]]]:
    """Take the edits off the network's layers; yield each edited layer and what was done to it, in order."""
    if isinstance(network, StagedNetwork):
        for layer, stage in list(network.trunk.named_children()):
            if isinstance(stage, EditedStage):
                network.trunk.add_module(layer, plain_stage(stage))
                yield layer, [part.edit for part in reversed(list(stage.modules())) if isinstance(part, EditedStage)]
    elif isinstance(network, HookedNetwork):
        found = list(zip(network.edited_layers, network.layer_edits, strict=True))
        network.edited_layers, network.layer_edits = (), nn.ModuleList()
        for layer, edit in found:
            yield layer, _flat(edit)


def _flat(edit: nn.Module) -> list[nn.Module]:
    return [part for each in edit for part in _flat(each)] if isinstance(edit, nn.Sequential) else [edit]


def _fold(network: LayeredNetwork, layer: str, edits: list[nn.Module]) -> str:
    """Fold edits of a layer into the weights around it; return why that cannot be, or nothing."""
    channels = network.until(layer, network.inputs(_black(network))).shape[1]
    matrix = torch.eye(channels, dtype=torch.float64, device=network.like.device)
    offset = torch.zeros_like(matrix[0])
    for edit in edits:
        if not isinstance(edit, Affine):
            return "what is added or resampled differs from cell to cell, which no kernel can do"
        own = edit.matrix.double()
        matrix, offset = own @ matrix, own @ offset + edit.offset.double()
    return "" if _into_producer(network, layer, matrix, offset) else _into_reader(network, layer, matrix, offset)


def _into_producer(network: LayeredNetwork, layer: str, matrix: Tensor, offset: Tensor) -> bool:
    """Fold matrix · a + offset into the convolution that gives a, if that can be exact."""
    parent = network.trunk if isinstance(network, StagedNetwork) else getattr(network, "module", network)
    stage = parent.get_submodule(layer)
    if not isinstance(stage, nn.Conv2d):
        return False
    scale = matrix.diagonal()
    if isinstance(stage, RectifiedConv2d):
        # relu(s z) = s relu(z) for s >= 0, and a constant comes out of a rectifier if it is none below 0
        alone = bool((matrix == scale.diag()).all())
        if not alone or bool(((scale < 0) | (offset < 0) | ((scale != 0) & (offset != 0))).any()):
            return False
    _set(stage, torch.einsum("pc,cihw->pihw", matrix, stage.weight.double()), matrix @ _bias(stage) + offset)
    return True


def _into_reader(network: LayeredNetwork, layer: str, matrix: Tensor, offset: Tensor) -> str:
    """Fold matrix · a + offset into the kernel that reads a; return why that cannot be, or nothing."""
    try:
        reader = next_kernel(network, layer, len(matrix))
    except ValueError as error:
        return str(error).partition(" Use ")[0]
    if not reader.direct:
        return f"a pooling or another non-linearity lies between it and the next kernel, {reader.name!r}"
    padded = isinstance(reader.kernel, nn.Conv2d) and reader.kernel.padding not in ((0, 0), "valid")
    if padded and bool(offset.any()):
        return f"a constant is added, which the next kernel, {reader.name!r}, would not see where it pads with zeros"
    added = (reader.weight().double() @ offset).sum(1)
    _set(reader.kernel, None, _bias(reader.kernel) + added)
    reader.kernel.weight = reader.times(matrix)
    return ""


def _bias(kernel: nn.Conv2d | nn.Linear) -> Tensor:
    return kernel.weight.new_zeros(len(kernel.weight)).double() if kernel.bias is None else kernel.bias.double()


def _set(kernel: nn.Conv2d | nn.Linear, weight: Tensor | None, bias: Tensor) -> None:
    like = kernel.weight
    if weight is not None:
        kernel.weight = nn.Parameter(weight.to(like.dtype), requires_grad=False)
    if kernel.bias is not None or bool(bias.any()):
        kernel.bias = nn.Parameter(bias.to(like.dtype), requires_grad=False)


def _black(network: LayeredNetwork) -> Tensor:
    return torch.zeros((1, *network.observation_shape), dtype=torch.uint8, device=network.like.device)


def _check_same(edited: Agent, plain: Agent) -> None:
    frames = probes(edited)
    for found, expected in zip(plain(frames)[:2], edited(frames)[:2], strict=True):
        if expected is not None and not close(torch.tensor(found), torch.tensor(expected)):
            raise ValueError(
                f"the weights do not do what the edits of agent {edited.name!r} did; keep the edits instead"
            )
