"""An agent: observations in, policy logits and value out, and every layer in between."""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rlvision_widgets.agents.checks import check_outputs, check_state, checked_observations
from rlvision_widgets.agents.edits import NetworkEdit
from rlvision_widgets.agents.layered import LayeredNetwork, NetworkOutput
from rlvision_widgets.agents.memory import Remembered, StateLayout
from rlvision_widgets.agents.stacking import StackState, check_stack, stacked
from rlvision_widgets.agents.weights import weights_digest
from rlvision_widgets.agents.workers import side_by_side
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import INPUT_LAYER

__all__ = ["PROCGEN_ACTIONS", "Agent", "default_action_names"]

PROCGEN_ACTIONS = (
    *("LEFT+DOWN", "LEFT", "LEFT+UP", "DOWN", "NOOP", "UP", "RIGHT+DOWN", "RIGHT", "RIGHT+UP"),
    *("D", "A", "W", "S", "Q", "E"),
)
"""Procgen's fifteen button combinations in the order of their ids; agents with nine actions use the first nine."""

BATCH = 32  # observations that pass through the network at once: 1a of the clear CNN then stays in the cache (8 MiB)

T = TypeVar("T")
R = TypeVar("R")
Frames = NDArray[np.uint8] | Remembered
Batch = tuple[NDArray[np.uint8], Any, NDArray[np.bool_] | None]  # observations, state, first


@dataclass(frozen=True, eq=False)
class Agent:
    """A trained network and what is needed to run and to read it. Nothing in it changes after construction.

    The network is copied, so training on or editing the original leaves the agent alone.

    Parameters
    ----------
    network : LayeredNetwork
        See `rlvision_widgets.agents.networks`; `wrap_agent` makes one of any torch module.
    name : str
        What views and files call it.
    action_names : sequence of str
        One name a logit; the logit's index is the environment's action id.
    environment : mapping
        What it was trained on, JSON-friendly: ``{"name": "coinrun", "distribution_mode": "hard", …}``.
    value_scale : float, optional
        Raw return of one success (CoinRun's coin: 10.0), so that value / value_scale reads as a share of it. None
        where this is not known; no percentage is shown then.
    info : mapping
        Where it comes from, JSON-friendly: source, licence, sha256, card.
    checkpoint : str
        sha256 of the weights (`weights_digest`); computed when empty.
    edits : tuple
        What `edited_agent` did to the network; the weights are those that it left.
    stack : int
        How many frames the network sees at once, on its colours, oldest first. The agent is then recurrent: it gets
        one frame a step, and the ones before are part of its state. The first frame of an episode stands for them.

    Raises
    ------
    ValueError
        When the number of logits is not that of `action_names`, or an output is not finite; when the network's colours
        are no multiple of `stack`; when a recurrent state is not made of tensors that grow with the batch.

    Examples
    --------
    >>> logits, value = agent(observations)  # uint8 (batch, height, width, rgb) → (batch, logit), (batch,)
    >>> activations = agent.activations("2b", observations)  # torch, (batch, channel, y, x)
    >>> agent.head("2b")(activations).value  # the same value again, differentiable in the activations
    """

    network: LayeredNetwork = field(repr=False)
    name: str
    action_names: tuple[str, ...]
    environment: Mapping[str, Any] = field(default_factory=dict)
    value_scale: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)
    checkpoint: str = field(default="", repr=False)
    edits: tuple[NetworkEdit, ...] = field(default=(), repr=False)
    stack: int = 1

    def __post_init__(self) -> None:
        check_stack(self.stack, self.network.observation_shape[2])
        set_field = object.__setattr__  # the one way into a frozen dataclass
        set_field(self, "network", copy.deepcopy(self.network).eval().requires_grad_(False))
        set_field(self, "action_names", tuple(self.action_names))
        set_field(self, "environment", dict(self.environment))
        set_field(self, "info", dict(self.info))
        set_field(self, "edits", tuple(self.edits))
        if not self.checkpoint:
            set_field(self, "checkpoint", weights_digest(self.network))
        black = self(np.zeros((2, *self.observation_shape), np.uint8))
        if self.recurrent:
            check_state(self.name, self.state_layout, black[2])
        check_outputs(self.name, self.network, black[:2], len(self.action_names))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in order of computation."""
        return self.network.layers

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """(height, width, rgb) of one observation: of one frame, where the network sees several."""
        height, width, colours = self.network.observation_shape
        return height, width, colours // self.stack

    @property
    def recurrent(self) -> bool:
        """Whether the agent carries a state from step to step; it then returns (logits, value, state)."""
        return self.stack > 1 or self.network.recurrent

    def initial_state(self, batch: int) -> Any:
        """Return the recurrent state before the first step; None for an agent without one."""
        own = self.network.initial_state(batch)
        if self.stack == 1:
            return own
        shape = batch, self.stack - 1, *self.observation_shape
        return StackState(torch.zeros(shape, dtype=torch.uint8, device=self.network.like.device), own)

    @functools.cached_property
    def state_layout(self) -> StateLayout:
        """Takes recurrent states apart into rows, and puts rows together."""
        return StateLayout(self.initial_state(2), self.initial_state(3))

    @strict_keywords
    def __call__(
        self, observations: Frames, state: Any = None, first: NDArray[np.bool_] | None = None
    ) -> tuple[Any, ...]:
        """Return policy logits and value of observations.

        Parameters
        ----------
        observations : uint8 array, (batch, height, width, rgb)
            0-255, as the environment gives them; scaling is the network's business. An agent that sees grey, (height,
            width, 1), takes frames in three equal colours as well: studies hold such ones. Frames that are
            `Remembered` bring state and first with them.
        state : optional
            Recurrent agents: what the last call returned; None starts anew.
        first : bool array, (batch,), optional
            Recurrent agents: which observations open an episode.

        Returns
        -------
        policy_logits : float32 array, (batch, logit)
        value : float32 array, (batch,), or None
            In raw task reward; None for policy-only agents.
        state
            Recurrent agents only.

        Raises
        ------
        TypeError, ValueError
            When the observations are not uint8, or not of the agent's size.
        """

        def step(batch: Batch) -> tuple[NetworkOutput, Any]:
            with torch.no_grad():
                inputs, frames = self._given(*self._tensors(*batch))
                output, own = self.network.step(inputs)
            return output, own if self.stack == 1 else StackState(cast(Tensor, frames), own)

        steps = list(self.over_batches(step, self._batches(observations, state, first)))
        logits = torch.cat([output.logits for output, _ in steps])
        value = None if steps[0][0].value is None else torch.cat([cast(Tensor, output.value) for output, _ in steps])
        answer = (_numpy(logits), None if value is None else _numpy(value))
        return (*answer, self._joined([own for _, own in steps])) if self.recurrent else answer

    def state_before(self, frames: Remembered) -> Any:
        """Return the recurrent state that frames bring with them, (batch, height, width, rgb)."""
        rows = [torch.as_tensor(row, device=self.network.like.device) for row in frames.rows]
        return self.state_layout.state(rows)

    @strict_keywords
    def inputs(self, observations: Frames, state: Any = None, first: NDArray[np.bool_] | None = None) -> Any:
        """Return what `outputs` takes, on the agent's device and in its dtype; all observations in one batch."""
        return self._given(*self._tensors(observations, state, first))[0]

    def outputs(self, inputs: Any) -> NetworkOutput:
        """Return logits and value as tensors, differentiable in `inputs`."""
        return self.network(inputs)  # type: ignore[no-any-return]

    @strict_keywords
    def activations(
        self,
        layer: str,
        observations: Frames,
        state: Any = None,
        first: NDArray[np.bool_] | None = None,
    ) -> Tensor:
        """Return a layer's activations, detached.

        Parameters
        ----------
        layer : str
            One of `layers`, or ``"input"``: the pixels, in 0..1.
        observations, state, first
            As in a call of the agent.

        Returns
        -------
        Tensor, (batch, channel, y, x)
            In the agent's dtype, on its device; after the ReLU in `ClearNetwork` and `NatureNetwork`.
        """
        if layer == INPUT_LAYER:
            return self._tensors(observations, state, first)[0].permute(0, 3, 1, 2).to(self.network.like.dtype) / 255
        self._check_layer(layer)

        def until(batch: Batch) -> Tensor:
            with torch.no_grad():
                return self.network.until(layer, self.inputs(*batch))

        return torch.cat(list(self.over_batches(until, self._batches(observations, state, first))))

    @strict_keywords
    def head(
        self,
        layer: str,
        observations: Frames | None = None,
        state: Any = None,
        first: NDArray[np.bool_] | None = None,
    ) -> Callable[[Tensor], NetworkOutput]:
        """Return the function from a layer's activations to logits and value, differentiable.

        Law: ``head(layer)(activations(layer, observations))`` is the agent's output. The package's own networks run
        only what follows the layer. A wrapped module is run as a whole with the layer's output replaced.

        Parameters
        ----------
        layer : str
            One of `layers`, or ``"input"``: the pixels, in 0..1.
        observations : uint8 array, (batch, height, width, rgb), optional
            What lies behind the activations, one a row of them. Needed where something goes around the layer (a
            residual connection) or where the agent is recurrent.
        state, first
            As in a call of the agent; held constant.

        Raises
        ------
        ValueError
            When the layer is unknown; when observations are needed and missing.
        """
        if layer == INPUT_LAYER:
            _, *memory = self._apart(observations, state, first)
            return lambda pixels: self.network(self._from_pixels(pixels, *memory))
        self._check_layer(layer)
        inputs = None if observations is None else self.inputs(observations, state, first)
        return lambda activations: self.network.from_layer(layer, activations, inputs)

    @strict_keywords
    def between(
        self,
        source: str,
        target: str,
        observations: Frames | None = None,
        state: Any = None,
        first: NDArray[np.bool_] | None = None,
    ) -> Callable[[Tensor], Tensor]:
        """Return the function from a layer's activations to those of a later one, differentiable.

        Law: ``between(source, target)(activations(source, observations))`` is ``activations(target, observations)``.

        Parameters
        ----------
        source : str
            One of `layers`, or ``"input"``: the pixels, in 0..1.
        target : str
            A layer after `source`.
        observations, state, first
            As in `head`; a wrapped module always needs the observations.

        Raises
        ------
        ValueError
            When a layer is unknown, or `target` does not come after `source`; when observations are needed and missing.
        """
        self._check_layer(target)
        if source == INPUT_LAYER:
            _, *memory = self._apart(observations, state, first)
            return lambda pixels: self.network.until(target, self._from_pixels(pixels, *memory))
        self._check_layer(source)
        if self.layers.index(source) >= self.layers.index(target):
            raise ValueError(
                f"layer {target!r} does not come after layer {source!r}; the order is {', '.join(self.layers)}"
            )
        inputs = None if observations is None else self.inputs(observations, state, first)
        return lambda activations: self.network.between(source, target, activations, inputs)

    def over_batches(self, function: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Yield ``function(batch)`` for each batch, in order; side by side where the network and its device allow.

        See `rlvision_widgets.agents.workers` for what the function may do.
        """
        if self._concurrent:
            return side_by_side(function, batches)
        return map(function, batches)

    @property
    def _concurrent(self) -> bool:
        return self.network.concurrent and self.network.like.device.type == "cpu"

    def layer_shape(self, layer: str) -> tuple[int, int, int]:
        """Return (channel, y, x) of a layer's activations."""
        channel, y, x = self.activations(layer, np.zeros((1, *self.observation_shape), np.uint8)).shape[1:]
        return channel, y, x

    def astype(self, dtype: torch.dtype) -> "Agent":
        """Return a copy that computes in `dtype`; name and checkpoint stay."""
        return dataclasses.replace(self, network=copy.deepcopy(self.network).to(dtype))

    def double(self) -> "Agent":
        """Return a copy that computes in float64."""
        return self.astype(torch.float64)

    def to(self, device: str | torch.device) -> "Agent":
        """Return a copy on `device`."""
        return dataclasses.replace(self, network=copy.deepcopy(self.network).to(device))

    def _apart(self, observations: Any, state: Any, first: Any) -> tuple[Any, Any, Any]:
        """Return observations, state and first; frames that remember bring the other two."""
        if not isinstance(observations, Remembered):
            return observations, state, first
        return observations.frames, self.state_before(observations), observations.first

    def _tensors(self, observations: Any, state: Any, first: Any) -> tuple[Tensor, Any, Tensor | None]:
        observations, state, first = self._apart(observations, state, first)
        observations = checked_observations(observations, self.observation_shape)
        if not self.recurrent and (state is not None or first is not None):
            raise ValueError(f"agent {self.name!r} is not recurrent: call it without state and first")
        device = self.network.like.device
        if self.recurrent and state is None:  # nothing has been seen yet
            first = np.ones(len(observations), bool)
        opens = None if first is None else torch.as_tensor(np.array(first, bool), device=device)
        own = np.require(observations, requirements=("C", "W"))  # torch warns about memory that it may not write
        return torch.as_tensor(own, device=device), state, opens

    def _batches(self, observations: Any, state: Any, first: Any) -> Iterator[Batch]:
        observations, state, first = self._apart(observations, state, first)
        observations = checked_observations(observations, self.observation_shape)
        number, size = max(len(observations), 1), BATCH
        if self._concurrent:  # no thread should idle
            size = min(BATCH, math.ceil(number / torch.get_num_threads()))
        if number <= size:
            yield observations, state, first
            return
        rows = None if state is None or not self.recurrent else self.state_layout.rows(state)
        for start in range(0, number, size):
            own = slice(start, start + size)
            part = state if rows is None else self.state_layout.state([row[own] for row in rows])
            yield observations[own], part, None if first is None else first[own]

    def _joined(self, states: Sequence[Any]) -> Any:
        """Return the state of all batches."""
        if len(states) == 1:
            return states[0]
        rows = zip(*map(self.state_layout.rows, states), strict=True)
        return self.state_layout.state([torch.cat(parts) for parts in rows])

    def _given(self, observations: Tensor, state: Any, first: Tensor | None) -> tuple[Any, Tensor | None]:
        """Return what the network takes, and the frames that a stack remembers."""
        if self.stack == 1:
            return self.network.inputs(observations, state, first), None
        if first is None:
            first = torch.full((len(observations),), state is None, device=observations.device)
        state = self.initial_state(len(observations)) if state is None else state
        pictures, frames = stacked(observations, state.frames, first)
        own = (state.own, first) if self.network.recurrent else (None, None)
        return self.network.inputs(pictures, *own), frames

    def _from_pixels(self, pixels: Tensor, state: Any, first: Any) -> Any:
        """Return what the network takes, differentiable in (batch, rgb, height, width) in 0..1."""
        opens = None if first is None else torch.as_tensor(np.array(first, bool), device=pixels.device)
        return self._given(255 * pixels.permute(0, 2, 3, 1), state, opens)[0]

    def _check_layer(self, layer: str) -> None:
        if layer not in self.layers:
            raise ValueError(unknown("layer", layer, self.layers, f"They are those of agent {self.name!r}."))


Agent.__init__ = strict_keywords(Agent.__init__)  # type: ignore[method-assign]


def default_action_names(num_actions: int) -> tuple[str, ...]:
    """Return Procgen's names for 15 logits, the first nine of them for 9, and numbers otherwise."""
    if num_actions in (9, 15):
        return PROCGEN_ACTIONS[:num_actions]
    return tuple(f"action {index}" for index in range(num_actions))


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    return cast("NDArray[np.float32]", tensor.float().cpu().numpy())
