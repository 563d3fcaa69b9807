import numpy as np
import pytest
import torch
from torch import nn

from rlvision_widgets.agents import load_agent, save_agent, wrap_agent
from rlvision_widgets.agents.adapters import policy_of_state
from rlvision_widgets.agents.hooks import HookedNetwork
from rlvision_widgets.agents.staged import StagedNetwork


class Envs:
    """What CleanRL's scripts build their agents from."""

    def __init__(self, shape, number):
        self.single_observation_space = type("Box", (), {"shape": shape})
        self.single_action_space = type("Discrete", (), {"n": number})


def convolutions(colours, cells, width=16):
    return (
        *(nn.Conv2d(colours, 8, 8, stride=4), nn.ReLU(), nn.Conv2d(8, 12, 4, stride=2), nn.ReLU()),
        *(nn.Conv2d(12, 10, 3), nn.ReLU(), nn.Flatten(), nn.Linear(10 * cells, width), nn.ReLU()),
    )


class AtariAgent(nn.Module):
    """The structure and the names of `ppo_atari`, in small."""

    def __init__(self, envs):
        super().__init__()
        self.network = nn.Sequential(*convolutions(envs.single_observation_space.shape[0], 49))
        self.actor = nn.Linear(16, envs.single_action_space.n)
        self.critic = nn.Linear(16, 1)

    def get_value(self, x):
        return self.critic(self.network(x / 255.0))

    def get_action_and_value(self, x, action=None):
        hidden = self.network(x / 255.0)
        policy = torch.distributions.Categorical(logits=self.actor(hidden))
        action = policy.sample() if action is None else action
        return action, policy.log_prob(action), policy.entropy(), self.critic(hidden)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv0, self.conv1 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return x + self.conv1(nn.functional.relu(self.conv0(nn.functional.relu(x))))


class Group(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.res_block0, self.res_block1 = Block(after), Block(after)

    def forward(self, x):
        return self.res_block1(self.res_block0(nn.functional.max_pool2d(self.conv(x), 3, 2, 1)))


class ProcgenAgent(AtariAgent):
    """The structure and the names of `ppo_procgen`, in small; it is shown frames with colours last."""

    def __init__(self, envs, groups=(4, 6, 6), auxiliary=False):
        nn.Module.__init__(self)
        height, width, colours = envs.single_observation_space.shape
        cells = -(-height // 2 ** len(groups)) * -(-width // 2 ** len(groups))
        sizes = zip((colours, *groups), groups, strict=False)
        self.network = nn.Sequential(
            *(Group(*pair) for pair in sizes), nn.Flatten(), nn.ReLU(), nn.Linear(cells * groups[-1], 16), nn.ReLU()
        )
        self.actor = nn.Linear(16, envs.single_action_space.n)
        self.critic = nn.Linear(16, 1)
        if auxiliary:  # of `ppg_procgen`
            self.aux_critic = nn.Linear(16, 1)

    def get_value(self, x):
        return super().get_value(x.permute((0, 3, 1, 2)))

    def get_action_and_value(self, x, action=None):
        return super().get_action_and_value(x.permute((0, 3, 1, 2)), action)


class QNetwork(nn.Module):
    """The structure and the names of `dqn_atari`, in small."""

    def __init__(self, envs):
        super().__init__()
        self.network = nn.Sequential(*convolutions(4, 49), nn.Linear(16, envs.single_action_space.n))

    def forward(self, x):
        return self.network(x / 255.0)


class Distributions(nn.Module):
    """The structure and the names of `c51_atari`, in small."""

    def __init__(self, envs):
        super().__init__()
        self.register_buffer("atoms", torch.linspace(-3, 10, steps=7))
        self.network = nn.Sequential(*convolutions(4, 49), nn.Linear(16, envs.single_action_space.n * 7))

    def values(self, x):
        shares = torch.softmax(self.network(x / 255.0).view(len(x), -1, 7), dim=2)
        return (shares * self.atoms).sum(2)


Distributions.__name__ = "QNetwork"  # as in its script


class LstmAgent(nn.Module):
    """The structure and the names of `ppo_atari_lstm`, in small."""

    def __init__(self, envs):
        super().__init__()
        self.network = nn.Sequential(*convolutions(1, 49))
        self.lstm = nn.LSTM(16, 6)
        self.actor, self.critic = nn.Linear(6, envs.single_action_space.n), nn.Linear(6, 1)

    def get_states(self, x, state, done):
        hidden = self.network(x / 255.0).reshape((-1, state[0].shape[1], self.lstm.input_size))
        outputs = []
        for row, over in zip(hidden, done.reshape((-1, state[0].shape[1])), strict=True):
            kept = tuple((1.0 - over).view(1, -1, 1) * part for part in state)
            output, state = self.lstm(row.unsqueeze(0), kept)
            outputs.append(output)
        return torch.flatten(torch.cat(outputs), 0, 1), state

    def get_action_and_value(self, x, state, done):
        hidden, state = self.get_states(x, state, done)
        return torch.distributions.Categorical(logits=self.actor(hidden)), self.critic(hidden), state


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return make()


def frames(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def colours_first(observations):
    return torch.as_tensor(observations).permute(0, 3, 1, 2).float()


def logits_and_value(agent, x):
    """What the agent's own method says, through the policy that it samples from."""
    actions = torch.arange(agent.actor.out_features)
    pairs = [agent.get_action_and_value(x, action.expand(len(x))) for action in actions]
    return torch.stack([pair[1] for pair in pairs], 1).detach().numpy(), pairs[0][3].squeeze(1).detach().numpy()


def assert_same_policy(agent, observations, expected, expected_value):
    logits, value = agent(observations)[:2]
    logits = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-5)
    assert expected.std(0).max() > 1e-3


@pytest.fixture
def opened(tmp_path):
    """Write weights to a file and open them."""

    def load(content, name="agent.cleanrl_model", **options):
        path = tmp_path / name
        torch.save(content, path)
        return load_agent(path, **options)

    return load


@pytest.mark.parametrize("auxiliary", [False, True])
@pytest.mark.parametrize("shape", [(64, 64, 3), (84, 84, 3)])
def test_an_agent_for_procgen_says_what_its_script_says(opened, shape, auxiliary):
    original = seeded(lambda: ProcgenAgent(Envs(shape, 15), auxiliary=auxiliary))
    observations = frames((3, *shape))
    expected = logits_and_value(original, torch.as_tensor(observations).float())
    for agent in (opened(original.state_dict()), wrap_agent(original)):
        assert (agent.observation_shape, agent.layers[-1], agent.info["library"]) == (shape, "3b", "CleanRL")
        assert isinstance(agent.network, StagedNetwork)
        assert_same_policy(agent, observations, *expected)
    assert (agent.action_names[0] == "LEFT+DOWN") == (shape == (64, 64, 3))


@pytest.mark.parametrize("colours", [4, 12])
def test_an_agent_for_atari_sees_the_frames_that_its_wrapper_stacks(opened, tmp_path, colours):
    original = seeded(lambda: AtariAgent(Envs((colours, 84, 84), 6)))
    agents = [opened(original.state_dict()), wrap_agent(original)]
    save_agent(agents[0], tmp_path / "saved.safetensors")
    stacked = frames((3, 84, 84, colours))
    expected = logits_and_value(original, colours_first(stacked))
    for agent in (*agents, load_agent(tmp_path / "saved.safetensors")):
        assert (agent.stack, agent.observation_shape) == (4, (84, 84, colours // 4))
        assert len(agent.action_names) == 6
        state = None
        for past in np.split(stacked, 4, axis=-1):
            first = np.full(3, state is None)
            logits, value, state = agent(past, state, first)
        logits = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        np.testing.assert_allclose(logits, expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(value, expected[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [QNetwork, Distributions])
def test_action_values_are_the_scripts(opened, make):
    original = seeded(lambda: make(Envs((4, 84, 84), 5)))
    observations = frames((3, 84, 84, 4))
    with torch.no_grad():
        x = colours_first(observations)
        expected = original.values(x) if make is Distributions else original(x)
    state = {"model_weights": original.state_dict(), "args": {"n_atoms": 7, "exp_name": "c51_atari"}}
    for agent in (opened(original.state_dict(), stack=1), opened(state, stack=1), wrap_agent(original, stack=1)):
        assert (agent.info["logits"], agent.observation_shape) == ("action values", (84, 84, 4))
        logits, value = agent(observations)
        assert value is None
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert expected.std(0).max() > 1e-3


def test_a_memory_is_carried_and_forgotten_as_in_the_script(opened):
    original = seeded(lambda: LstmAgent(Envs((1, 84, 84), 5)))
    steps = frames((4, 3, 84, 84, 1))
    for agent in (opened(original.state_dict()), wrap_agent(original)):
        assert (agent.recurrent, agent.stack, agent.observation_shape) == (True, 1, (84, 84, 1))
        state, own = None, (torch.zeros(1, 3, 6), torch.zeros(1, 3, 6))
        for step, observations in enumerate(steps):
            first = np.array([step == 0, step in (0, 2), step == 0])
            logits, value, state = agent(observations, state, first)
            with torch.no_grad():
                policy, critic, own = original.get_action_and_value(
                    colours_first(observations), own, torch.tensor(first, dtype=torch.float32)
                )
            logits = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
            np.testing.assert_allclose(logits, policy.logits, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(value, critic.squeeze(1), rtol=1e-4, atol=1e-5)
        alone = agent(observations)
        assert np.abs(alone[1] - value).max() > 1e-4  # the memory counts


def test_an_agent_with_a_trunk_of_its_own_is_wrapped_as_it_is():
    original = seeded(lambda: AtariAgent(Envs((4, 84, 84), 6)))
    original.network[1] = nn.LeakyReLU(0.3)  # the names of all weights stay
    agent = wrap_agent(original, stack=1)
    assert isinstance(agent.network, HookedNetwork)
    assert agent.layers[:2] == ("network.0", "network.1")
    observations = frames((3, 84, 84, 4))
    assert_same_policy(agent, observations, *logits_and_value(original, colours_first(observations)))


def test_frames_of_an_uncommon_size_are_named_by_the_user(opened):
    original = seeded(lambda: AtariAgent(Envs((4, 84, 84), 6)))
    state = original.state_dict()
    assert opened(state, observation_shape=(88, 90, 1)).observation_shape == (88, 90, 1)
    assert wrap_agent(original, observation_shape=(88, 90, 1)).observation_shape == (88, 90, 1)
    with pytest.raises(ValueError, match=r"network\.7\.weight: shape \(16, 490\), expected \(16, 1210\)"):
        opened(state, observation_shape=(120, 120, 1))
    with pytest.raises(
        ValueError, match=r"reads \(84, 84, 1\) in stacks of 4, and observation_shape says \(84, 84, 3\)"
    ):
        opened(state, observation_shape=(84, 84, 3))
    uncommon = {**state, "network.7.weight": torch.zeros(16, 10 * 5003)}
    with pytest.raises(ValueError, match=r"reads 5003 cells.*pass observation_shape="):
        opened(uncommon)


def test_other_weights_are_refused_with_every_difference(opened):
    state = seeded(lambda: ProcgenAgent(Envs((64, 64, 3), 15))).state_dict()
    for change, message in (
        (
            {"network.1.conv.weight": torch.zeros(6, 5, 3, 3)},
            r"network\.1\.conv\.weight: shape \(6, 5, 3, 3\), expected",
        ),
        ({"extra": torch.zeros(2)}, r"not expected: extra \(2,\)"),
        ({"network.1.conv.bias": None}, r"; 1 differences:\n  missing: network\.1\.conv\.bias$"),
        ({"actor.bias": torch.zeros(9)}, r"actor\.weight: shape \(15, 16\), expected \(9, 16\)"),
        ({"critic.bias": torch.tensor([torch.nan])}, "value.bias"),
    ):
        with pytest.raises(ValueError, match=message):
            opened({name: tensor for name, tensor in {**state, **change}.items() if tensor is not None})
    atari = seeded(lambda: AtariAgent(Envs((4, 84, 84), 6))).state_dict()
    with pytest.raises(ValueError, match=r"kernels of 5, 4, 3; their strides are not in the weights"):
        opened({**atari, "network.0.weight": torch.zeros(8, 4, 5, 5)})
    with pytest.raises(ValueError, match="there are 9 action names"):
        opened(state, action_names=[str(index) for index in range(9)])


def test_files_of_other_formats_are_refused_in_words(opened, tmp_path):
    path = tmp_path / "jax.cleanrl_model"
    for content, message in (
        (b"\x93\xc0\x82\xa6params", r"no file of torch\.save .*; flax's are not read"),
        (b"", "damaged or shortened"),
        (b"PK\x03\x04" + bytes(100), "damaged or shortened"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            load_agent(path)
        assert "weights_only" not in str(caught.value)  # torch's own advice is to unpickle
    module = seeded(lambda: AtariAgent(Envs((4, 84, 84), 6))).network[0]
    with pytest.raises(ValueError, match=r"besides weights \(torch\.nn\.modules\.conv\.Conv2d\), which are not"):
        opened(module)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_wrong_with_the_weights_is_said(seed):
    rng = np.random.default_rng(seed)
    procgen, atari = Envs((64, 64, 3), 15), Envs((4, 84, 84), 6)
    makes = (ProcgenAgent, procgen), (AtariAgent, atari), (Distributions, atari), (LstmAgent, Envs((1, 84, 84), 6))
    whole = makes[seed][0](makes[seed][1]).state_dict()
    for _ in range(60):
        state, name = dict(whole), rng.choice(list(whole))
        shape = tuple(rng.choice([0, 1, 3, 7], rng.integers(5)))
        if name == "atoms" or shape == whole[name].shape:
            continue
        if rng.random() < 0.2:
            del state[name]
        else:
            state[name] = torch.zeros(shape)
        with pytest.raises(ValueError):  # noqa: PT011 - which one depends on what went wrong
            policy_of_state(state, size=(64, 64) if seed == 0 else (84, 84))
