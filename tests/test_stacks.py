"""Frame stacks: the frames before are the agent's memory, whoever plays, reads or saves it."""

import numpy as np
import pytest
import torch
from torch import nn

from rlvision_widgets.agents import Agent, ClearNetwork, load_agent, save_agent, wrap_agent

NAMES = ("LEFT", "NOOP", "RIGHT")
SIZE = 16


def films(batch, steps, colours=3, seed=0):
    """Return frames, (step, batch, height, width, rgb)."""
    return np.random.default_rng(seed).integers(0, 256, (steps, batch, SIZE, SIZE, colours), dtype=np.uint8)


def network(colours):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ClearNetwork(3, observation_shape=(SIZE, SIZE, colours))


@pytest.fixture(params=["cut", "hooked"])
def agents(request):
    """An agent that stacks three frames, and one that is shown stacks."""
    own = network(9)
    layers = None if request.param == "cut" else [f"trunk.{name}" for name in own.layers]
    shown = wrap_agent(own, layers=layers, observation_shape=(SIZE, SIZE, 9), action_names=NAMES)
    return wrap_agent(own, layers=layers, stack=3, observation_shape=(SIZE, SIZE, 3), action_names=NAMES), shown


def stack_by_hand(film, first, step):
    """Return what a row's network sees at a step: an episode's first frame stands for those before it."""
    opened = max(at for at in range(step + 1) if at == 0 or first[at])
    return np.concatenate([film[max(opened, at)] for at in (step - 2, step - 1, step)], axis=-1)


def test_a_stacking_agent_sees_the_last_frames_oldest_first_and_starts_anew_with_an_episode(agents):
    stacking, shown = agents
    film, first = films(4, 6), np.zeros((6, 4), bool)
    first[3, 1] = first[4, 2] = first[5, 2] = True
    assert stacking.recurrent
    assert stacking.observation_shape == (SIZE, SIZE, 3)
    state = None
    for step in range(6):
        logits, value, state = stacking(film[step], state, None if step == 0 else first[step])
        seen = np.stack([stack_by_hand(film[:, row], first[:, row], step) for row in range(4)])
        for found, expected in zip((logits, value), shown(seen), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_layers_and_heads_of_a_stacking_agent_know_the_frames_before(agents):
    stacking, shown = agents
    before, now = films(2, 2)
    _, _, state = stacking(before)
    seen = np.concatenate([before, before, now], axis=-1)
    layer = stacking.layers[1]
    activations = stacking.activations(layer, now, state)
    np.testing.assert_array_equal(activations, shown.activations(layer, seen))
    logits, _, _ = stacking(now, state)
    output = stacking.head(layer, now, state)(activations)
    np.testing.assert_allclose(output.logits, logits, rtol=1e-4, atol=1e-9)
    assert np.abs(stacking(now)[0] - logits).max() > 0.01 * np.abs(logits).max()


def test_the_pixels_of_a_stacking_agent_are_those_of_the_frame_that_is_shown(agents):
    stacking, shown = (agent.double() for agent in agents)
    before, now = films(2, 2)
    _, _, state = stacking(before)
    pixels = stacking.activations("input", now).requires_grad_()
    (gradient,) = torch.autograd.grad(stacking.head("input", state=state)(pixels).value.sum(), pixels)
    seen = shown.activations("input", np.concatenate([before, before, now], axis=-1)).requires_grad_()
    (expected,) = torch.autograd.grad(shown.head("input")(seen).value.sum(), seen)
    assert gradient.abs().max() > 0
    torch.testing.assert_close(gradient, expected[:, -3:])


def test_a_grey_stack_takes_the_three_equal_colours_of_a_study():
    agent = wrap_agent(network(4), stack=4, observation_shape=(SIZE, SIZE, 1), action_names=NAMES)
    grey = films(2, 1, colours=1)[0]
    for found, expected in zip(agent(grey)[:2], agent(grey.repeat(3, -1))[:2], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_large_batch_of_stacks_is_its_rows(agents):
    stacking, _ = agents
    before, now = films(70, 2)
    _, _, state = stacking(before)
    logits, _, after = stacking(now, state)
    rows = stacking.state_layout.rows(state)
    own = stacking.state_layout.state([row[66:] for row in rows])
    np.testing.assert_allclose(stacking(now[66:], own)[0], logits[66:], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after.frames[:, -1], now)


def test_a_saved_stack_is_a_stack(tmp_path):
    agent = Agent(network(9), name="stack", action_names=NAMES, stack=3)
    save_agent(agent, tmp_path / "agent.safetensors")
    loaded = load_agent(tmp_path / "agent.safetensors")
    assert (loaded.stack, loaded.observation_shape) == (3, (SIZE, SIZE, 3))
    before, now = films(2, 2)
    for found, expected in zip(loaded(now, loaded(before)[2])[:2], agent(now, agent(before)[2])[:2], strict=True):
        np.testing.assert_array_equal(found, expected)


class Remembering(nn.Module):
    """Recurrent on top of a stack; its state is an LSTM's pair, with the batch in the middle."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 2, 4, 4)
        self.lstm = nn.LSTM(32, 5)
        self.policy, self.value = nn.Linear(5, 3), nn.Linear(5, 1)

    def forward(self, x, state, first):
        state = tuple(part * ~first[None, :, None] for part in state)
        hidden, state = self.lstm(self.conv(x).flatten(1)[None], state)
        return self.policy(hidden[0]), self.value(hidden[0]), state


def nothing(batch):
    return torch.zeros(1, batch, 5), torch.zeros(1, batch, 5)


def test_a_recurrent_stack_carries_both_memories_row_by_row():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        agent = wrap_agent(
            Remembering(), stack=2, initial_state=nothing, observation_shape=(SIZE, SIZE, 3), action_names=NAMES
        )
    film = films(40, 3)
    state = None
    for frame in film:
        logits, _, state = agent(frame, state)
    alone = None
    for frame in film:
        own, _, alone = agent(frame[35:37], alone)
    np.testing.assert_allclose(own, logits[35:37], rtol=1e-5, atol=1e-6)
    opens = np.ones(40, bool)
    np.testing.assert_allclose(agent(film[2], state, opens)[0], agent(film[2])[0], rtol=1e-6)
    double = agent.double()
    assert double(film[1], double(film[0])[2])[2].own[0].dtype == torch.float64


@pytest.mark.parametrize("stack", [0, 2.0, True])
def test_a_stack_is_a_number_of_frames(stack):
    with pytest.raises(ValueError, match="whole number of frames"):
        wrap_agent(network(3), stack=stack, observation_shape=(SIZE, SIZE, 3), action_names=NAMES)


def test_colours_that_are_no_stack_are_refused():
    with pytest.raises(ValueError, match="4 colours, which are not those of 3 frames"):
        Agent(network(4), name="stack", action_names=NAMES, stack=3)
    with pytest.raises(ValueError, match=r"sees \(16, 16, 4\).*make \(16, 16, 6\)"):
        wrap_agent(network(4), stack=2, observation_shape=(SIZE, SIZE, 3), action_names=NAMES)
