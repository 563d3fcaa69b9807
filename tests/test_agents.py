import itertools

import numpy as np
import pytest
import torch
from torch import nn

from rlvision_widgets.agents import Agent, ClearNetwork, ImpalaNetwork, NatureNetwork, wrap_agent
from rlvision_widgets.agents.agent import BATCH, PROCGEN_ACTIONS
from rlvision_widgets.agents.staged import L2Pool, MaxPool
from rlvision_widgets.environments.games import ACTION_NAMES

SMALL = {
    "clear": lambda: ClearNetwork(3, (4, 6, 6, 6, 6), (16, 24), (24, 20, 3)),
    "impala": lambda: ImpalaNetwork(3, (4, 6), 16, "torch", (24, 20, 3)),
    "impala, tensorflow": lambda: ImpalaNetwork(3, (4, 6), 16, "tensorflow", (24, 20, 3)),
    "nature": lambda: NatureNetwork(3, (4, 6, 6), 16, (40, 44, 3)),
}
NAMES = ("LEFT", "NOOP", "RIGHT")


def seeded(make):
    """A network with weights from a fixed seed, large enough to tell noisy frames apart, and biases that are not 0."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = make()
        with torch.no_grad():
            network.policy.weight.mul_(100)
            for name, parameter in network.named_parameters():
                if name.endswith("bias"):
                    parameter.uniform_(-0.1, 0.1)
                elif name.startswith("trunk"):
                    parameter.mul_(2)
    return network


def random_observations(agent, batch, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, *agent.observation_shape), np.uint8)


def num_hooks(agent):
    return sum(len(module._forward_hooks) for module in agent.network.modules())


@pytest.fixture(scope="module", params=SMALL)
def agent(request):
    return Agent(seeded(SMALL[request.param]), name="small", action_names=NAMES, value_scale=10.0)


@pytest.fixture(scope="module")
def clear():
    return Agent(seeded(SMALL["clear"]), name="small", action_names=NAMES)


# networks


def test_the_head_of_every_layer_continues_its_activations_to_the_outputs(agent):
    observations = random_observations(agent, 5)
    logits, value = agent(observations)
    assert logits.shape == (5, 3)
    assert value.shape == (5,)
    assert logits.std(0).max() > 1e-2  # frames are told apart, so that equality below means something
    for layer in agent.layers:
        activations = agent.activations(layer, observations)
        assert activations.shape == (5, *agent.layer_shape(layer))
        output = agent.head(layer)(activations)
        np.testing.assert_allclose(output.logits.numpy(), logits, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(output.value.numpy(), value, rtol=1e-5, atol=1e-6)


def test_outputs_and_gradients_follow_from_the_inputs(agent):
    observations = random_observations(agent, 2)
    inputs = agent.inputs(observations).requires_grad_()
    output = agent.outputs(inputs)
    np.testing.assert_allclose(output.value.detach().numpy(), agent(observations)[1], rtol=1e-5, atol=1e-6)
    output.value.sum().backward()
    assert inputs.grad.abs().max() > 0


def test_what_lies_between_two_layers_continues_one_to_the_other(agent):
    observations = random_observations(agent, 3)
    for source, target in itertools.combinations(("input", *agent.layers), 2):
        found = agent.between(source, target)(agent.activations(source, observations))
        torch.testing.assert_close(found, agent.activations(target, observations), rtol=1e-5, atol=1e-6)
    first, second = agent.layers[:2]
    with pytest.raises(ValueError, match=f"{first!r} does not come after layer {second!r}"):
        agent.between(second, first)


def test_the_pixels_are_a_layer_too(agent):
    observations = random_observations(agent, 3)
    pixels = agent.activations("input", observations)
    np.testing.assert_array_equal(torch.round(255 * pixels).permute(0, 2, 3, 1), observations)
    output = agent.head("input")(pixels)
    np.testing.assert_allclose(output.value, agent(observations)[1], rtol=1e-5, atol=1e-5)
    assert agent.layer_shape("input") == (3, *agent.observation_shape[:2])


def test_the_clear_network_has_the_layers_of_the_article():
    agent = Agent(ClearNetwork(15), name="clear", action_names=PROCGEN_ACTIONS)
    shapes = {layer: agent.layer_shape(layer) for layer in agent.layers}
    assert shapes == {"1a": (16, 64, 64), "2a": (32,) * 3, "2b": (32,) * 3, "3a": (32, 16, 16), "4a": (32, 8, 8)}
    assert sum(parameter.numel() for parameter in agent.network.parameters()) == 363_216  # the published file's number


def test_layers_of_the_clear_network_are_rectified_and_not_yet_pooled(clear):
    for layer in clear.layers:
        activations = clear.activations(layer, random_observations(clear, 3))
        assert activations.min() == 0
        assert activations.max() > 0


def test_l2_pooling_is_the_root_of_the_mean_of_squares():
    cells = torch.tensor([[[[3.0, 4.0, 5.0], [0.0, 0.0, 12.0]]]])
    torch.testing.assert_close(L2Pool()(cells), torch.tensor([[[[2.5, 84.5**0.5]]]]))


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 7), (6, 5)])
def test_max_pooling_pads_as_tensorflow_does(height, width):
    """`SAME`: ceil(n / 2) cells, and the odd one of the padding at the end."""
    x = np.random.default_rng(0).normal(size=(height, width)).astype(np.float32)
    rows, columns = -(-height // 2), -(-width // 2)
    above, left = ((rows - 1) * 2 + 3 - height) // 2, ((columns - 1) * 2 + 3 - width) // 2
    expected = [
        [
            x[max(2 * i - above, 0) : 2 * i - above + 3, max(2 * j - left, 0) : 2 * j - left + 3].max()
            for j in range(columns)
        ]
        for i in range(rows)
    ]
    found = MaxPool("tensorflow")(torch.from_numpy(x)[None, None])[0, 0]
    np.testing.assert_array_equal(found.numpy(), expected)


def test_the_two_paddings_of_impala_give_different_networks():
    observations = np.random.default_rng(0).integers(0, 256, (3, 24, 20, 3), np.uint8)
    outputs = [Agent(seeded(SMALL[name]), name=name, action_names=NAMES)(observations)[0] for name in list(SMALL)[1:3]]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


@pytest.mark.parametrize("make", [ClearNetwork, ImpalaNetwork, NatureNetwork])
def test_fresh_networks_start_near_the_uniform_policy(make):
    network = make(9)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().max() == 0, name
        elif name.startswith("trunk"):  # Glorot's bound, from the numbers of inputs and outputs
            fans = parameter[0].numel() + parameter[:, 0].numel()
            assert 0.9 < parameter.abs().max() / (6 / fans) ** 0.5 <= 1, name
    torch.testing.assert_close(network.policy.weight @ network.policy.weight.t(), 1e-4 * torch.eye(9))
    torch.testing.assert_close(network.value.weight.norm(), torch.tensor(1.0))


def test_outputs_do_not_depend_on_the_memory_format_and_little_on_half_precision():
    network = seeded(SMALL["clear"]).eval()
    x = torch.rand(4, 3, 24, 20, generator=torch.Generator().manual_seed(0))
    expected = network(x)
    found = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(x)
    assert half.logits.dtype == half.value.dtype == torch.float32  # the heads keep the weights' precision
    assert (half.logits - expected.logits).abs().max() < 0.05 * expected.logits.abs().max()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NatureNetwork(observation_shape=(32, 64, 3)), "36 x 36"),
        (lambda: ImpalaNetwork(pooling="valid"), "'torch' or 'tensorflow'"),
    ],
)
def test_impossible_networks_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# agents


def test_action_names_are_the_environments():
    assert PROCGEN_ACTIONS == ACTION_NAMES


def test_a_large_batch_gives_what_single_observations_give(clear):
    observations = random_observations(clear, BATCH + 3)
    logits, value = clear(observations)
    for index in (0, BATCH - 1, BATCH, BATCH + 2):
        one_logits, one_value = clear(observations[index : index + 1])
        np.testing.assert_allclose(logits[index], one_logits[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(value[index], one_value[0], rtol=1e-5, atol=1e-6)
    assert clear.activations("2b", observations).shape[0] == BATCH + 3


def test_no_observations_give_no_outputs(clear):
    logits, value = clear(random_observations(clear, 0))
    assert logits.shape == (0, 3)
    assert value.shape == (0,)


@pytest.mark.filterwarnings("error")  # torch warns of memory that it may not write to
def test_read_only_and_sliced_observations_are_fine(clear):
    observations = random_observations(clear, 8)
    expected = clear(observations[::2].copy())
    observations.flags.writeable = False
    for found, wanted in zip(clear(observations[::2]), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(clear(observations)[0][::2], expected[0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda o: o.astype(np.float32) / 255, TypeError, "dtype float32; expected uint8"),
        (torch.from_numpy, TypeError, "are Tensor; expected a numpy array"),
        (lambda o: o[0], ValueError, r"shape \(24, 20, 3\); expected uint8 \(batch, 24, 20, 3\)"),
        (lambda o: o.transpose(0, 3, 1, 2), ValueError, "colours last"),
        (lambda o: o[..., :1], ValueError, "24, 20, 3"),
        (lambda o: o[:, :12], ValueError, "24, 20, 3"),
    ],
)
def test_wrong_observations_are_refused_with_what_was_expected(clear, change, error, message):
    observations = change(random_observations(clear, 2))
    for use in (clear, lambda o: clear.activations("2b", o), clear.inputs, lambda o: clear.head("2b", o)):
        with pytest.raises(error, match=message):
            use(observations)


def test_an_unknown_layer_or_keyword_names_the_nearest(clear):
    for use in (clear.head, clear.layer_shape, lambda layer: clear.activations(layer, random_observations(clear, 1))):
        with pytest.raises(ValueError, match=r"unknown layer '2c'\. Did you mean '2b'"):
            use("2c")
    with pytest.raises(TypeError, match="Did you mean 'action_names'"):
        Agent(clear.network, name="small", action_name=NAMES)
    with pytest.raises(TypeError, match="Did you mean 'layers'"):
        wrap_agent(clear.network, layer=["trunk.1a"])


def test_a_feed_forward_agent_refuses_a_state(clear):
    with pytest.raises(ValueError, match="not recurrent"):
        clear(random_observations(clear, 2), first=np.ones(2, bool))


def test_an_agent_keeps_its_own_weights():
    network = seeded(SMALL["clear"]).train()
    agent = Agent(network, name="small", action_names=NAMES)
    observations = random_observations(agent, 3)
    before = agent(observations)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    for found, expected in zip(agent(observations), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in agent.network.parameters())


def test_a_double_agent_computes_more_exactly_and_is_the_same_agent(clear):
    observations = random_observations(clear, 3)
    double = clear.double()
    assert double.activations("2b", observations).dtype == torch.float64
    assert clear.activations("2b", observations).dtype == torch.float32
    assert (double.name, double.checkpoint) == (clear.name, clear.checkpoint)
    for found, expected in zip(double(observations), clear(observations), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_checkpoint_names_the_weights(clear):
    assert Agent(seeded(SMALL["clear"]), name="other", action_names=NAMES).checkpoint == clear.checkpoint
    other = seeded(SMALL["clear"])
    with torch.no_grad():
        other.value.bias.add_(1e-6)
    assert Agent(other, name="small", action_names=NAMES).checkpoint != clear.checkpoint


def test_agents_that_cannot_be_are_refused():
    network = seeded(SMALL["clear"])
    with pytest.raises(ValueError, match=r"logits \(2, 3\) .* but there are 2 action names"):
        Agent(network, name="small", action_names=NAMES[:2])
    with torch.no_grad():
        network.value.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"hold NaN or infinity: value\.bias"):
        Agent(network, name="small", action_names=NAMES)


# wrapped modules


class ResidualPolicy(nn.Module):
    """A network as people write them: in-place ReLUs, a residual connection, a flatten, two heads."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.branch = nn.Conv2d(4, 4, 3, padding=1)
        self.joined = nn.Identity()
        self.dense = nn.Linear(4 * 8 * 8, 16)
        self.actor, self.critic = nn.Linear(16, 3), nn.Linear(16, 1)
        self.broken = False

    def forward(self, x):
        x = self.relu(self.stem(x))
        x = self.joined(x + self.branch(x))
        return self.after(x)

    def after(self, x):
        if self.broken:
            raise RuntimeError("the network is broken")
        x = nn.functional.relu(x, inplace=True)
        x = nn.functional.relu(self.dense(x.flatten(1)))
        return self.actor(x), self.critic(x)


@pytest.fixture(scope="module")
def policy():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ResidualPolicy()


@pytest.fixture
def wrapped(policy):
    return wrap_agent(policy, observation_shape=(16, 16, 3), action_names=NAMES, value_scale=1.0)


def scaled(observations):
    return torch.from_numpy(observations).permute(0, 3, 1, 2).contiguous() / 255


def test_a_wrapped_module_says_what_the_module_says(policy, wrapped):
    observations = random_observations(wrapped, 5)
    logits, value = wrapped(observations)
    with torch.no_grad():
        expected_logits, expected_value = policy.eval()(scaled(observations))
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-5)
    np.testing.assert_allclose(value, expected_value.squeeze(1), rtol=1e-5)
    assert wrapped.name == "ResidualPolicy"


def test_layers_are_read_before_an_in_place_relu_changes_them(policy, wrapped):
    # relu shares its output's memory with stem's; dense layers are no layers with a picture
    assert wrapped.layers == ("stem", "relu", "branch", "joined")
    observations = random_observations(wrapped, 5)
    with torch.no_grad():
        stem = policy.stem(scaled(observations))
        joined = stem.relu() + policy.branch(stem.relu())
    for layer, expected in {"stem": stem, "relu": stem.relu(), "joined": joined}.items():
        torch.testing.assert_close(wrapped.activations(layer, observations), expected)
    assert stem.min() < 0
    assert joined.min() < 0


def test_replacing_a_layer_equals_slicing_the_network_there(policy, wrapped):
    observations = random_observations(wrapped, 4)
    activations = wrapped.activations("joined", observations)
    by_hook, by_slice = (activations.clone().requires_grad_() for _ in range(2))
    hooked, sliced = wrapped.head("joined")(by_hook), policy.after(by_slice * 1.0)
    torch.testing.assert_close(hooked.logits, sliced[0])
    torch.testing.assert_close(hooked.value, sliced[1].squeeze(1))
    (hooked.logits[:, 0] + hooked.value).sum().backward()
    (sliced[0][:, 0] + sliced[1].squeeze(1)).sum().backward()
    torch.testing.assert_close(by_hook.grad, by_slice.grad)
    assert by_hook.grad.abs().max() > 0
    torch.testing.assert_close(by_hook.detach(), activations)  # the in-place ReLU worked on a copy


@pytest.mark.parametrize("name", SMALL)
def test_hooks_and_slices_agree_on_every_layer_of_the_packages_networks(name):
    sliced = Agent(seeded(SMALL[name]), name="sliced", action_names=NAMES)
    layers = [f"trunk.{layer}" for layer in sliced.layers]
    hooked = wrap_agent(sliced.network, layers=layers, observation_shape=sliced.observation_shape, action_names=NAMES)
    observations = random_observations(sliced, 3)
    for own, other in zip(sliced.layers, hooked.layers, strict=True):
        activations = sliced.activations(own, observations)
        torch.testing.assert_close(hooked.activations(other, observations), activations)
        gradients = []
        for head in (sliced.head(own), hooked.head(other)):
            point = (0.5 * activations).requires_grad_()
            output = head(point)
            gradients.append(torch.autograd.grad((output.value + output.logits[:, 1]).sum(), point)[0])
        torch.testing.assert_close(gradients[0], gradients[1])
        assert gradients[0].abs().max() > 0


@pytest.mark.parametrize("name", SMALL)
def test_hooks_and_slices_agree_on_what_lies_between_layers(name):
    network = seeded(SMALL[name])
    own = Agent(network, name="own", action_names=NAMES)
    hooked = wrap_agent(
        network.trunk,
        forward=lambda trunk, x: trunk(x)[:, :3],
        layers=own.layers,
        observation_shape=own.observation_shape,
        action_names=NAMES,
    )
    observations = random_observations(own, 2)
    for source, target in itertools.combinations(("input", *own.layers), 2):
        activations = own.activations(source, observations)
        found = hooked.between(source, target, observations)(activations / 2)
        torch.testing.assert_close(found, own.between(source, target)(activations / 2), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="pass the observations too"):
        hooked.between(*own.layers[:2])(own.activations(own.layers[0], observations))
    assert num_hooks(hooked) == 0


def test_a_layer_called_input_stays_out_of_the_way_of_the_pixels():
    module = nn.Sequential()
    module.add_module("input", nn.Conv2d(3, 4, 3))
    module.add_module("rest", nn.Sequential(nn.Conv2d(4, 5, 3), nn.Flatten(), nn.Linear(5 * 12 * 12, 3)))
    agent = wrap_agent(module, observation_shape=(16, 16, 3), action_names=NAMES)
    assert agent.layers == ("rest.0",)
    assert agent.layer_shape("input") == (3, 16, 16)


def test_a_layer_that_is_bypassed_needs_the_observations(wrapped):
    observations = random_observations(wrapped, 4)
    branch = wrapped.activations("branch", observations)
    with pytest.raises(ValueError, match="something goes around it"):
        wrapped.head("branch")(branch)
    logits, value = wrapped(observations)
    output = wrapped.head("branch", observations)(branch)
    np.testing.assert_allclose(output.logits, logits, rtol=1e-5)
    np.testing.assert_allclose(output.value, value, rtol=1e-5)
    assert (wrapped.head("branch", observations)(0 * branch).value - output.value).abs().max() > 1e-4


def test_no_hook_remains_after_success_or_failure(policy, wrapped):
    observations = random_observations(wrapped, 2)
    wrapped.head("joined")(wrapped.activations("joined", observations))
    assert num_hooks(wrapped) == 0
    with pytest.raises(ValueError, match=r"shape \(2, 4, 3, 3\); for these observations it gives \(2, 4, 8, 8\)"):
        wrapped.head("joined")(torch.zeros(2, 4, 3, 3))
    assert num_hooks(wrapped) == 0
    wrapped.network.module.broken = True
    for use in (
        lambda: wrapped.activations("stem", observations),
        lambda: wrapped.head("stem")(torch.zeros(2, 4, 8, 8)),
    ):
        with pytest.raises(RuntimeError, match="broken"):
            use()
        assert num_hooks(wrapped) == 0
    assert all(not module._forward_hooks for module in policy.modules())


def test_wrapping_leaves_the_module_alone(policy):
    policy.train()
    state = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    wrap_agent(policy, observation_shape=(16, 16, 3), action_names=NAMES)
    assert policy.training
    assert all(parameter.requires_grad for parameter in policy.parameters())
    assert all(torch.equal(tensor, state[name]) for name, tensor in policy.state_dict().items())


@pytest.mark.parametrize("with_value", [True, False])
def test_a_categorical_and_a_policy_without_value_are_fine(policy, with_value):
    def forward(module, x):
        logits, value = module(x)
        distribution = torch.distributions.Categorical(logits=logits)
        return (distribution, value) if with_value else distribution

    agent = wrap_agent(policy, forward=forward, observation_shape=(16, 16, 3), action_names=NAMES)
    observations = random_observations(agent, BATCH + 1)
    logits, value = agent(observations)
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, rtol=1e-5)
    assert (value is not None) == with_value
    output = agent.head("joined")(agent.activations("joined", observations))
    assert (output.value is not None) == with_value
    np.testing.assert_allclose(output.logits, logits, rtol=1e-4, atol=1e-5)


def test_any_number_of_observations_passes_through_in_bounded_batches(policy):
    sizes = []

    def forward(module, x):
        sizes.append(len(x))
        return module(x)

    agent = wrap_agent(policy, forward=forward, observation_shape=(16, 16, 3), action_names=NAMES)
    observations = random_observations(agent, 3 * BATCH + 1)
    for use in (agent, lambda o: agent.activations("stem", o)):
        sizes.clear()
        use(observations)
        assert sizes == [BATCH, BATCH, BATCH, 1]


def test_the_module_may_scale_its_input_itself(policy, wrapped):
    agent = wrap_agent(
        policy,
        preprocess=lambda observations: observations,
        forward=lambda module, x: module(x.permute(0, 3, 1, 2).float() / 255),
        observation_shape=(16, 16, 3),
        action_names=NAMES,
    )
    observations = random_observations(agent, 3)
    np.testing.assert_allclose(agent(observations)[0], wrapped(observations)[0], rtol=1e-5)


def test_a_wrapped_agent_can_be_cast(wrapped):
    observations = random_observations(wrapped, 3)
    double = wrapped.double()
    assert double.activations("joined", observations).dtype == torch.float64
    np.testing.assert_allclose(double(observations)[0], wrapped(observations)[0], rtol=1e-4, atol=1e-6)


def test_procgens_action_names_are_assumed_only_where_the_number_fits():
    for num_actions in (15, 9):
        assert wrap_agent(ClearNetwork(num_actions)).action_names == PROCGEN_ACTIONS[:num_actions]
    with pytest.raises(ValueError, match="has 4 logits; pass action_names"):
        wrap_agent(ClearNetwork(4))


class GruPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 4, stride=4)
        self.gru = nn.GRUCell(4 * 4 * 4, 8)
        self.actor, self.critic = nn.Linear(8, 3), nn.Linear(8, 1)

    def forward(self, x, state, first):
        state = torch.where(first[:, None], torch.zeros_like(state), state)
        state = self.gru(self.conv(x).relu().flatten(1), state)
        return self.actor(state), self.critic(state), state


@pytest.fixture(scope="module")
def recurrent():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = GruPolicy()
    # ones, which `first` overwrites: the first step of all opens an episode too
    return wrap_agent(
        module, initial_state=lambda batch: torch.ones(batch, 8), observation_shape=(16, 16, 3), action_names=NAMES
    )


def test_a_recurrent_agent_remembers_until_an_episode_opens(recurrent):
    assert recurrent.recurrent
    before, now = random_observations(recurrent, 3, 0), random_observations(recurrent, 3, 1)
    _, _, state = recurrent(before)
    fresh, _, _ = recurrent(now)
    remembered, _, _ = recurrent(now, state=state)
    mixed, _, _ = recurrent(now, state=state, first=np.array([True, False, True]))
    assert np.abs(remembered - fresh).max() > 1e-4
    np.testing.assert_array_equal(recurrent(now, first=np.ones(3, bool))[0], fresh)
    np.testing.assert_array_equal(mixed, np.stack([fresh[0], remembered[1], fresh[2]]))


def test_a_large_recurrent_batch_keeps_a_state_for_each_row(recurrent):
    before, now = (random_observations(recurrent, BATCH + 2, seed) for seed in (0, 1))
    _, _, state = recurrent(before)
    logits, _, state_after = recurrent(now, state=state)
    assert len(state) == len(state_after) == BATCH + 2
    last, _, _ = recurrent(now[-1:], state=state[-1:])
    np.testing.assert_allclose(logits[-1:], last, rtol=1e-5, atol=1e-6)


def test_a_recurrent_agents_head_holds_its_state_constant(recurrent):
    before, now = random_observations(recurrent, 3, 0), random_observations(recurrent, 3, 1)
    _, _, state = recurrent(before)
    logits, value, _ = recurrent(now, state=state)
    activations = recurrent.activations("conv", now, state=state).requires_grad_()
    output = recurrent.head("conv", now, state=state)(activations)
    np.testing.assert_allclose(output.logits.detach(), logits, rtol=1e-5)
    np.testing.assert_allclose(output.value.detach(), value, rtol=1e-5)
    assert torch.autograd.grad(output.value.sum(), activations)[0].abs().max() > 0
    with pytest.raises(ValueError, match="recurrent state"):
        recurrent.head("conv")(activations)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda module, x: {"logits": module(x)[0]}, r"returned \(dict\)"),
        (lambda module, x: (*module(x), None, None), r"returned \(Tensor, Tensor, NoneType, NoneType\)"),
        (lambda module, x: module(x)[0][0], r"logits \(3,\); expected"),
        (lambda module, x: (module(x)[0], module(x)[0]), r"value \(.*, 3\); expected"),
        (lambda module, x: ResidualPolicy()(x), "did not run the module that it was given"),
    ],
)
def test_a_forward_that_does_not_fit_says_what_is_expected(policy, forward, message):
    with pytest.raises(ValueError, match=message):
        wrap_agent(policy, forward=forward, observation_shape=(16, 16, 3), action_names=NAMES)


@pytest.mark.parametrize(("layer", "message"), [("stm", "Did you mean 'stem'"), ("dense", "A layer is a module that")])
def test_layers_of_a_wrapped_module_are_checked(policy, layer, message):
    with pytest.raises(ValueError, match=message):
        wrap_agent(policy, layers=["stem", layer], observation_shape=(16, 16, 3), action_names=NAMES)


def test_a_module_that_runs_twice_is_no_layer():
    shared = nn.Conv2d(3, 3, 3, padding=1)
    module = nn.Sequential(shared, nn.ReLU(), shared, nn.Flatten(), nn.Linear(3 * 16 * 16, 3))
    agent = wrap_agent(module, observation_shape=(16, 16, 3), action_names=NAMES)
    assert agent.layers == ("1",)


def test_building_and_using_agents_leaves_torchs_random_numbers_alone(policy):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    agent = wrap_agent(policy, observation_shape=(16, 16, 3), action_names=NAMES)
    agent.head("joined")(agent.activations("joined", random_observations(agent, 2)))
    assert torch.equal(torch.rand(3), expected)


def test_no_two_networks_of_these_tests_are_the_same():
    observations = np.zeros((1, 24, 20, 3), np.uint8)
    logits = [Agent(seeded(SMALL[name]), name=name, action_names=NAMES)(observations)[0] for name in list(SMALL)[:3]]
    for one, other in itertools.combinations(logits, 2):
        assert np.abs(one - other).max() > 0
