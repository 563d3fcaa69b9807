"""Layers of any torch module, without a change to its code.

Two primitives do all of it (captum's pattern): read a module's output by a forward hook, and replace it by one. What
is read is cloned and what replaces is a clone, because an in-place ReLU after the layer would change either. Hooks
live for one forward pass; none remains, not even when the network raises.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.layered import LayeredNetwork, NetworkOutput
from rlvision_widgets.agents.memory import converted
from rlvision_widgets.agents.modules import channels_first, parsed, unwrapped
from rlvision_widgets.agents.operations import input_rows
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER

__all__ = ["HookedNetwork", "close", "hooked"]

Hook = Callable[[nn.Module, Any, Any], Any]


class HookedNetwork(LayeredNetwork):
    """A module whose layers are read and replaced by hooks. Not for use from several threads at once.

    Parameters are those of `wrap_agent`, but that `observation_shape` counts the colours of all frames of a stack.
    `inputs` are the positional arguments of `forward` after the module. A layer may run several times in a forward pass
    if it gives the same each time (a trunk that policy and value call on their own); it is replaced each time.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        forward: Callable[..., Any] | None,
        preprocess: Callable[[Tensor], Any] | None,
        initial_state: Callable[[int], Any] | None,
        layers: Sequence[str] | None,
        observation_shape: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.module = unwrapped(module).eval()
        self.recurrent = initial_state is not None
        self.observation_shape = observation_shape
        self._forward = forward or nn.Module.__call__
        self._preprocess = preprocess or channels_first
        self._initial_state = initial_state
        self._bottlenecks: dict[str, bool] = {}
        self.edited_layers: tuple[str, ...] = ()
        self.layer_edits = nn.ModuleList()  # one for each edited layer
        found = self._find_layers()
        for layer in layers or ():
            if layer not in found:
                hint = "A layer is a module that gives (batch, channel, y, x), the same whenever it runs in a pass."
                is_module = any(layer == name for name, _ in self.module.named_modules())
                raise ValueError(unknown("layer", layer, found, hint + (" This module does not." if is_module else "")))
        self.layers = _different(found) if layers is None else tuple(layers)

    def inputs(self, observations: Tensor, state: Any = None, first: Tensor | None = None) -> tuple[Any, ...]:
        """Return the arguments of `forward` after the module: (x,), or (x, state, first)."""
        x = self._preprocess(observations)
        if torch.is_tensor(x) and x.is_floating_point():
            x = x.to(self.like.dtype)
        if not self.recurrent:
            return (x,)
        if first is None:
            opens = state is None
            first = torch.full((len(observations),), opens, device=observations.device)
        return x, self._like_weights(self.initial_state(len(observations)) if state is None else state), first

    def initial_state(self, batch: int) -> Any:
        """Return the recurrent state before the first step."""
        return None if self._initial_state is None else self._initial_state(batch)

    def forward(self, inputs: tuple[Any, ...]) -> NetworkOutput:
        """Return logits and value."""
        return self.step(inputs)[0]

    def step(self, inputs: tuple[Any, ...]) -> tuple[NetworkOutput, Any]:
        """Return logits and value, and the recurrent state after the step."""
        edits = dict(zip(self.edited_layers, self.layer_edits, strict=True))
        layers = {layer: self.module.get_submodule(layer) for layer in edits}
        # before other hooks, which read or replace what the edited layer gives
        with input_rows(inputs[0]), hooked(layers, lambda layer, output: edits[layer](output), first=True):
            output, state = parsed(self._forward(self.module, *inputs))
        self._check_state(state)
        return output, state

    def until(self, layer: str, inputs: tuple[Any, ...]) -> Tensor:
        """Return the activations of `layer`, by one whole forward pass."""
        kept: list[Tensor] = []
        with hooked({layer: self.module.get_submodule(layer)}, lambda _, output: kept.append(output.clone())):
            try:
                self.step(inputs)
            except ValueError:  # a Categorical refuses logits that are no numbers; the layer has run by then
                if not kept:
                    raise
        return _seen(kept, layer)

    def from_layer(self, layer: str, activations: Tensor, inputs: tuple[Any, ...] | None = None) -> NetworkOutput:
        """Return logits and value of a forward pass in which `layer` gives `activations`."""
        if inputs is None:
            self._check_bottleneck(layer)
            inputs = self.black(len(activations))
        return self._replaced(layer, activations, inputs)

    def between(self, source: str, target: str, activations: Tensor, inputs: tuple[Any, ...] | None = None) -> Tensor:
        """Return what `target` gives in a forward pass in which `source` gives `activations`."""
        if inputs is None:
            raise ValueError(
                f"a wrapped module runs as a whole, also from layer {source!r} to layer {target!r}: pass the "
                "observations too, agent.between(source, target, observations)."
            )
        kept: list[Tensor] = []
        with hooked({target: self.module.get_submodule(target)}, lambda _, output: kept.append(output.clone())):
            self._replaced(source, activations, inputs)
        return _seen(kept, target)

    def insert(self, layer: str, edit: nn.Module) -> None:
        """Have `layer` give edit(activations) from now on."""
        known = dict(zip(self.edited_layers, self.layer_edits, strict=True))
        known[layer] = nn.Sequential(known[layer], edit) if layer in known else edit
        self.edited_layers, self.layer_edits = tuple(known), nn.ModuleList(known.values())

    def black(self, batch: int) -> tuple[Any, ...]:
        """Return the inputs for `batch` black observations."""
        return self.inputs(self.noise(batch).zero_())

    def _replaced(self, layer: str, activations: Tensor, inputs: tuple[Any, ...]) -> NetworkOutput:
        replaced: list[Tensor] = []

        def replace(_: str, output: Tensor) -> Tensor:
            if output.shape != activations.shape:
                raise ValueError(
                    f"activations for layer {layer!r} have shape {tuple(activations.shape)}; "
                    f"for these observations it gives {tuple(output.shape)}"
                )
            replaced.append(activations)
            return activations.clone()

        with hooked({layer: self.module.get_submodule(layer)}, replace):
            output = self(inputs)
        _seen(replaced, layer)
        return output  # type: ignore[no-any-return]

    def _check_bottleneck(self, layer: str) -> None:
        """Raise unless the outputs follow from the layer's activations alone."""
        if layer not in self._bottlenecks:
            with torch.no_grad():
                inputs = self.inputs(self.noise(4))
                expected, activations = self(inputs), self.until(layer, inputs)
                found = self._replaced(layer, activations, self.black(4))
            same = all(a is None or b is None or close(a, b) for a, b in zip(found, expected, strict=True))
            self._bottlenecks[layer] = same and not self.recurrent
        if not self._bottlenecks[layer]:
            raise ValueError(
                f"the outputs do not follow from layer {layer!r} alone: something goes around it (a residual "
                "connection, a second trunk, a recurrent state). Pass the observations too: "
                "agent.head(layer, observations)."
            )

    def _like_weights(self, state: Any) -> Any:
        """Return a state on the network's device and in its dtype."""
        like = self.like
        return converted(state, lambda part: part.to(like) if part.is_floating_point() else part.to(like.device))

    def _check_state(self, state: Any) -> None:
        if self.recurrent and state is None:
            raise ValueError(
                "initial_state says that the policy is recurrent, but forward returned no state: it has to return "
                "(logits, value, state)"
            )
        if not self.recurrent and state is not None:
            raise ValueError(
                "the policy returned a state beside logits and value, so it is recurrent: pass initial_state=, from "
                "the batch size to the state before the first step, e.g. lambda batch: torch.zeros(batch, 256), and "
                "forward=lambda module, x, state, first: …, which starts anew where `first` is true. If nothing has "
                "to be remembered, let forward return (logits, value)."
            )

    def noise(self, batch: int) -> Tensor:
        """Return `batch` observations of noise, the same every time."""
        noise = torch.Generator().manual_seed(0)  # the same every time, and the global generator is left alone
        shape = (batch, *self.observation_shape)
        return torch.randint(0, 256, shape, generator=noise, dtype=torch.uint8).to(self.like.device)

    def _find_layers(self) -> dict[str, Tensor]:
        """Return what each module gives that gives one (batch, channel, y, x), in the order in which they finish."""
        calls: dict[str, list[Any]] = {}

        def keep(name: str, output: Any) -> None:
            calls.setdefault(name, []).append(output.clone() if torch.is_tensor(output) else None)

        with torch.no_grad(), hooked({name: part for name, part in self.module.named_modules() if name}, keep):
            self._first_run()
        if not calls and any(True for _ in self.module.children()):
            raise ValueError(
                "forward did not run the module that it was given: write it as lambda module, x: module(x)"
            )
        return {
            name: outputs[0]
            for name, outputs in calls.items()
            if name != INPUT_LAYER and _is_layer(outputs[0]) and all(_same(outputs[0], other) for other in outputs[1:])
        }

    def _first_run(self) -> None:
        try:
            self.step(self.inputs(self.noise(2)))
        except TypeError as error:
            how = "(module, x, state, first)" if self.recurrent else "(module, x)"
            hint = "" if self.recurrent else "; a recurrent policy needs initial_state= too"
            raise ValueError(
                f"the policy cannot be called as forward{how}: {error}. Pass forward=, which calls it with what it "
                f"needs and returns logits and value{hint}."
            ) from error
        except RuntimeError as error:  # torch's own, of shapes
            height, width, colours = self.observation_shape
            raise ValueError(
                f"the policy cannot look at observations of {height} x {width} pixels and {colours} colours: {error}. "
                "observation_shape= and stack= say what it is shown, preprocess= what it gets of that: by default "
                "(batch, colour, height, width) in 0..1."
            ) from error


@contextmanager
def hooked(modules: Mapping[str, nn.Module], hook: Callable[[str, Any], Any], first: bool = False) -> Iterator[None]:
    """Call hook(name, output) after each module for as long as the block runs; what it returns replaces the output."""

    def named(name: str) -> Hook:
        return lambda module, args, output: hook(name, output)

    handles = [module.register_forward_hook(named(name), prepend=first) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def close(found: Tensor, expected: Tensor) -> bool:
    """Whether outputs are the same up to rounding."""
    difference = (found - expected).abs().max()
    return bool(difference.isfinite() and difference <= 1e-5 * expected.abs().max())


def _seen(outputs: list[Tensor], layer: str) -> Tensor:
    if not outputs:
        raise ValueError(f"layer {layer!r} did not run in this forward pass, as it did when the agent was made")
    return outputs[0]


def _different(found: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return the layers without containers, which end with what their last part gave: the part was found before."""
    kept: dict[str, Tensor] = {}
    for name, output in found.items():
        if not any(_same(output, known) for known in kept.values()):
            kept[name] = output
    return tuple(kept)


def _is_layer(output: Tensor | None) -> bool:
    return output is not None and output.ndim == 4 and len(output) == 2


def _same(output: Tensor, other: Tensor | None) -> bool:
    return other is not None and output.shape == other.shape and torch.equal(output, other)
