import io
import json
import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from rlvision_widgets.agents import Agent, load_agent, save_agent, wrap_agent
from rlvision_widgets.agents.hooks import HookedNetwork
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.analysis.rollout import collect_rollout
from rlvision_widgets.environments import make_environment

stable_baselines3 = pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
gymnasium = pytest.importorskip("gymnasium")
A2C, DQN, PPO, SAC = (getattr(stable_baselines3, name) for name in ("A2C", "DQN", "PPO", "SAC"))
BaseFeaturesExtractor = stable_baselines3.common.torch_layers.BaseFeaturesExtractor
DummyVecEnv, VecFrameStack = (
    getattr(stable_baselines3.common.vec_env, name) for name in ("DummyVecEnv", "VecFrameStack")
)


class Noise(gymnasium.Env):
    """A world of noise: its observations have a shape, and nothing else matters."""

    def __init__(self, shape=(40, 44, 3), actions=None, kind=np.uint8):
        high = 255 if kind == np.uint8 else 1
        self.observation_space = gymnasium.spaces.Box(0, high, shape, kind)
        self.action_space = gymnasium.spaces.Discrete(5) if actions is None else actions

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


class Small(BaseFeaturesExtractor):
    """A features extractor of a user's own."""

    def __init__(self, space):
        super().__init__(space, 8)
        self.conv = nn.Conv2d(space.shape[0], 4, 5, stride=4)
        self.dense = nn.LazyLinear(8)
        self.dense(self.conv(torch.zeros(1, *space.shape)).flatten(1))

    def forward(self, x):
        return self.dense(self.conv(x).relu().flatten(1)).relu()


def worlds(stack=1, **options):
    made = DummyVecEnv([lambda: Noise(**options)])
    return made if stack == 1 else VecFrameStack(made, stack)


def model(kind, *, stack=1, shape=(40, 44, 3), policy="CnnPolicy", actions=None, dtype=np.uint8, **kwargs):
    """A model of the library with outputs that tell frames apart, and its heads and trunks all different."""
    options = {"buffer_size": 10} if kind in (DQN, SAC) else {"n_steps": 8}
    if kind is PPO:
        options["batch_size"] = 8
    world = worlds(stack, shape=shape, actions=actions, kind=dtype)
    made = kind(policy, world, policy_kwargs=kwargs or None, device="cpu", seed=0, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.policy.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return made


def saved(made, tmp_path):
    path = tmp_path / "model.zip"
    made.save(path)
    return path


def frames_for(agent, number=3, steps=1, seed=0):
    shape = (steps, number, *agent.observation_shape)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def of_library(made, observations):
    """Logits and value, asked of the library's own methods, for observations (batch, height, width, rgb)."""
    policy = made.policy
    x = torch.as_tensor(observations).permute(0, 3, 1, 2)
    if made.observation_space.dtype == np.float32:
        x = x.float() / 255
    with torch.no_grad():
        policy.set_training_mode(False)
        if isinstance(made, DQN):
            return policy.q_net(x).numpy(), None
        return policy.get_distribution(x).distribution.logits.numpy(), policy.predict_values(x).numpy().ravel()


def assert_same(agent, made, observations):
    logits, value = agent(observations)[:2]
    expected, expected_value = of_library(made, observations)
    if expected_value is None:
        assert value is None
    else:
        logits = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)  # the library's are normalised
        np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert expected.std(0).max() > 1e-3


POLICIES = {
    "ppo": (PPO, {}),
    "a2c, two equal trunks": (A2C, {"share_features_extractor": True}),
    "a2c, two trunks": (A2C, {"share_features_extractor": False}),
    "two trunks, dense layers": (PPO, {"share_features_extractor": False, "net_arch": [12]}),
    "dense layers of one head": (PPO, {"net_arch": {"pi": [12], "vf": [10, 6]}}),
    "another activation": (PPO, {"net_arch": [12], "activation_fn": nn.ELU}),
    "an activation below zero": (PPO, {"net_arch": [12], "activation_fn": nn.LeakyReLU}),
    "not divided by 255": (PPO, {"normalize_images": False}),
    "scaled by the world": (PPO, {"normalize_images": False, "dtype": np.float32, "shape": (3, 40, 44)}),
    "grey": (PPO, {"shape": (40, 44, 1)}),
    "dqn": (DQN, {}),
    "dqn, dense layers": (DQN, {"net_arch": [12]}),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_zip_and_a_model_say_what_the_library_says(name, tmp_path):
    kind, options = POLICIES[name]
    made = model(kind, **options)
    path = saved(made, tmp_path)
    loaded, wrapped, of_policy = load_agent(path), wrap_agent(made), wrap_agent(made.policy)
    observations = frames_for(loaded)[0]
    for agent in (loaded, wrapped, of_policy):
        assert agent.observation_shape == (40, 44, 1 if name == "grey" else 3)
        assert_same(agent, made, observations)
        assert agent.info["library"].startswith("Stable-Baselines3")
        assert isinstance(agent.network, StagedNetwork) != ("two trunks" in name)  # cut where that can be
    assert loaded.info["library"].endswith(stable_baselines3.__version__)
    assert (loaded.name, loaded.value_scale, loaded.environment) == ("model", None, {})
    assert loaded.action_names == tuple(f"action {index}" for index in range(5))


@pytest.mark.parametrize("kind", [PPO, DQN])
def test_the_head_of_every_layer_continues_to_the_outputs(kind, tmp_path):
    for options in ({}, {"net_arch": [12]}):
        agent = load_agent(saved(model(kind, **options), tmp_path))
        assert agent.layers == ("c1", "c2", "c3")
        observations = frames_for(agent)[0]
        for layer in agent.layers:
            activations = agent.activations(layer, observations)
            assert activations.min() == 0  # after its ReLU
            output = agent.head(layer)(activations.requires_grad_())
            np.testing.assert_allclose(output.logits.detach(), agent(observations)[0], rtol=1e-5, atol=1e-6)
            (output.logits[:, 0].sum() if output.value is None else output.value.sum()).backward()
            assert activations.grad.abs().max() > 0


def test_two_trunks_are_read_each_by_its_own_output(tmp_path):
    agent = load_agent(saved(model(A2C, share_features_extractor=False), tmp_path))
    observations = frames_for(agent)[0]
    for layer, of_value in (("pi.trunk.c3", False), ("vf.trunk.c3", True)):
        activations = agent.activations(layer, observations).requires_grad_()
        output = agent.head(layer, observations)(activations)
        (output.value.sum() if of_value else output.logits[:, 0].sum()).backward()
        assert activations.grad.abs().max() > 0
    assert "c3" not in agent.layers


@pytest.mark.parametrize(("colours", "stack"), [(1, 4), (3, 4), (1, 2)])
def test_stacked_frames_are_those_of_the_librarys_wrapper(colours, stack, tmp_path):
    made = model(PPO, stack=stack, shape=(40, 44, colours))
    agent = load_agent(saved(made, tmp_path))
    assert (agent.observation_shape, agent.stack, agent.recurrent) == ((40, 44, colours), stack, True)
    assert wrap_agent(made).stack == stack
    steps, state, worlds_frames = frames_for(agent, steps=6), None, []
    for index, observations in enumerate(steps):
        first = np.array([index == 0, index in (0, 3), index == 0])
        logits, value, state = agent(observations, state, first)
        worlds_frames.append(observations)
        begin = [0, 3 if index >= 3 else 0, 0]
        window = [
            np.stack([worlds_frames[max(k, begin[row])][row] for row in range(3)])
            for k in range(index - stack + 1, index + 1)
        ]
        expected, expected_value = of_library(made, np.concatenate(window, axis=-1))
        np.testing.assert_allclose(
            logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), expected, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-5)


def test_three_grey_frames_are_told_from_one_of_three_colours(tmp_path):
    path = saved(model(PPO, stack=3, shape=(40, 44, 1)), tmp_path)
    assert load_agent(path).stack == 1
    agent = load_agent(path, stack=3)
    assert (agent.stack, agent.observation_shape) == (3, (40, 44, 1))
    with pytest.raises(ValueError, match="3 colours, which are not those of 2 frames"):
        load_agent(path, stack=2)


def test_what_the_user_knows_is_in_the_agent_and_stays_in_its_file(tmp_path):
    path = saved(model(PPO, stack=4, shape=(40, 44, 1)), tmp_path)
    known = {
        "environment": {"name": "gymnasium:ALE/Pong-v5"},
        "value_scale": 21.0,
        "action_names": ("NOOP", "FIRE", "UP", "DOWN", "STAY"),
        "name": "pong",
    }
    agent = load_agent(path, **known)
    save_agent(agent, tmp_path / "pong.safetensors")
    again = load_agent(tmp_path / "pong.safetensors")
    for loaded in (agent, again):
        assert {field: getattr(loaded, field) for field in known} == known
        assert loaded.stack == 4
        assert loaded.info["sha256"]
    for found, expected in zip(again(frames_for(agent)[0])[:2], agent(frames_for(agent)[0])[:2], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert load_agent(path, environment="coinrun").environment == {"name": "coinrun"}
    with pytest.raises(ValueError, match=r"logits \(2, 5\).* but there are 3 action names"):
        load_agent(path, action_names=("A", "B", "C"))
    with pytest.raises(ValueError, match="says itself what its agent sees; leave out stack"):
        load_agent(tmp_path / "pong.safetensors", stack=4)


def test_action_values_are_saved_and_come_back_without_a_value(tmp_path):
    agent = load_agent(saved(model(DQN), tmp_path))
    assert agent.info["logits"] == "action values"
    save_agent(agent, tmp_path / "dqn.safetensors")
    again = load_agent(tmp_path / "dqn.safetensors")
    observations = frames_for(agent)[0]
    np.testing.assert_array_equal(again(observations)[0], agent(observations)[0])
    assert again(observations)[1] is None
    assert again.info["logits"] == "action values"


def test_a_features_extractor_of_the_users_own_is_wrapped_as_it_is():
    made = model(PPO, features_extractor_class=Small, net_arch=[6])
    agent = wrap_agent(made, value_scale=1.0, name="mine")
    assert isinstance(agent.network, HookedNetwork)
    assert agent.layers == ("features_extractor.conv",)
    observations = frames_for(agent)[0]
    assert_same(agent, made, observations)
    activations = agent.activations(agent.layers[0], observations).requires_grad_()
    agent.head(agent.layers[0], observations)(activations).value.sum().backward()
    assert activations.grad.abs().max() > 0


def test_layers_by_the_librarys_names_can_be_chosen():
    made = model(PPO)
    agent = wrap_agent(made, layers=["features_extractor.cnn.1"])
    assert agent.layers == ("features_extractor.cnn.1",)
    observations = frames_for(agent)[0]
    assert_same(agent, made, observations)
    torch.testing.assert_close(
        agent.activations(agent.layers[0], observations), wrap_agent(made).activations("c1", observations)
    )


def test_what_a_wrapper_did_to_images_is_given_as_preprocess():
    made = model(PPO)
    mean = torch.linspace(0, 1, 3)[:, None, None]
    agent = wrap_agent(made, preprocess=lambda frames: frames.permute(0, 3, 1, 2) / 255 - mean)
    observations = frames_for(agent)[0]
    with torch.no_grad():
        x = torch.as_tensor(observations).permute(0, 3, 1, 2) / 255 - mean
        expected = made.policy.value_net(made.policy.features_extractor(x)).squeeze(1)
    np.testing.assert_allclose(agent(observations)[1], expected, rtol=1e-4, atol=1e-5)


def test_a_policy_with_a_computation_of_its_own_is_not_replaced():
    made = model(PPO)

    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    own = made.policy.action_net
    made.policy.action_net = Doubled(own.in_features, own.out_features)
    made.policy.action_net.load_state_dict(own.state_dict())
    agent = wrap_agent(made)
    assert isinstance(agent.network, HookedNetwork)  # the weights have the usual names and shapes
    assert_same(agent, made, frames_for(agent)[0])


# what is refused


def rewritten(path, out, change):
    """Write a zip with other members: change gets and returns a dict of name → bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in change(members).items():
            archive.writestr(name, content)
    return out


def with_state(change):
    def changed(members):
        state = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
        buffer = io.BytesIO()
        torch.save(change(state), buffer)
        return {**members, "policy.pth": buffer.getvalue()}

    return changed


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def ppo_zip(tmp_path_factory):
    return saved(model(PPO), tmp_path_factory.mktemp("ppo"))


def test_nothing_is_unpickled_and_the_library_is_not_needed(ppo_zip, tmp_path, monkeypatch):
    touched = tmp_path / "touched"

    def hostile(members):
        data = json.loads(members["data"])
        import base64

        for setting in data.values():
            if isinstance(setting, dict) and ":serialized:" in setting:
                setting[":serialized:"] = base64.b64encode(pickle.dumps(Hostile(touched))).decode()
        return {**members, "data": json.dumps(data).encode(), "pytorch_variables.pth": pickle.dumps(Hostile(touched))}

    path = rewritten(ppo_zip, tmp_path / "hostile.zip", hostile)
    for name in list(sys.modules):
        if name.split(".")[0] == "stable_baselines3":
            monkeypatch.setitem(sys.modules, name, None)  # importing it now fails
    expected, found = load_agent(ppo_zip), load_agent(path)
    np.testing.assert_array_equal(found(frames_for(found)[0])[0], expected(frames_for(found)[0])[0])
    bad = rewritten(ppo_zip, tmp_path / "bad.zip", with_state(lambda state: {**state, "x": Hostile(touched)}))
    with pytest.raises(ValueError, match=r"policy\.pth', cannot be read: .*posix\.system"):
        load_agent(bad)
    assert not touched.exists()


BROKEN = {
    "no model": (lambda m: {"readme.txt": b"hello"}, r"no zip of Stable-Baselines3: it lacks .* and holds readme\.txt"),
    "no weights": (lambda m: {n: c for n, c in m.items() if n != "policy.pth"}, "it lacks 'data' or 'policy.pth'"),
    "torch.save": (lambda m: {"archive/data.pkl": b""}, r"a file of torch\.save.*\.pt"),
    "no JSON": (lambda m: {**m, "data": b"{"}, "'data', are no JSON"),
    "short weights": (lambda m: {**m, "policy.pth": m["policy.pth"][:5000]}, "damaged or shortened"),
    "missing": (
        with_state(lambda s: {n: t for n, t in s.items() if n != "action_net.bias"}),
        r"differences:\n  missing: action_net\.bias",
    ),
    "too many": (with_state(lambda s: {**s, "more": torch.zeros(2)}), r"not expected: more \(2,\)"),
    "another shape": (
        with_state(lambda s: {**s, "value_net.weight": torch.zeros(1, 5)}),
        r"value_net\.weight: shape \(1, 5\), expected \(1, 512\)",
    ),
    "NaN": (with_state(lambda s: {**s, "value_net.bias": torch.full((1,), torch.nan)}), "value"),
    "another size": (
        lambda m: {**m, "data": m["data"].replace(b"44", b"64")},
        r"linear\.0\.weight: shape \(512, 128\), expected \(512, 256\)",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_zips_are_refused_in_words(name, ppo_zip, tmp_path):
    change, message = BROKEN[name]
    path = rewritten(ppo_zip, tmp_path / "broken.zip", change)
    with pytest.raises(ValueError, match=message) as caught:
        load_agent(path)
    assert "broken" in str(caught.value)


def test_every_truncation_is_refused(ppo_zip, tmp_path):
    whole, path = ppo_zip.read_bytes(), tmp_path / "short.zip"
    for share in (0, 0.01, 0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match=r"short\.zip.*damaged or shortened"):
            load_agent(path)
    path.write_text("no zip at all")
    with pytest.raises(ValueError, match="no zip of Stable-Baselines3"):
        load_agent(path)


OTHER_KINDS = {
    "vectors": ({"policy": "MlpPolicy", "shape": (6,), "dtype": np.float32}, PPO, r"vectors \(MlpPolicy\)"),
    "continuous": ({"actions": gymnasium.spaces.Box(-1, 1, (2,))}, PPO, "Box space; an agent here takes one of"),
    "several at once": ({"actions": gymnasium.spaces.MultiDiscrete([3, 2])}, PPO, "MultiDiscrete space"),
    "continuous, two networks": ({"actions": gymnasium.spaces.Box(-1, 1, (2,))}, SAC, "Box space"),
    "an extractor of its own": ({"features_extractor_class": Small}, PPO, r"features extractor of its own.*wrap_agent"),
    "an unknown activation": (
        {"net_arch": [12], "activation_fn": nn.Softsign},
        PPO,
        "followed by softsign, not relu, tanh,.*wrap_agent",
    ),
}
WRAPPED_ALL_THE_SAME = ("an extractor of its own", "an unknown activation")


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_policies_of_another_kind_are_refused_with_the_reason(name, tmp_path):
    options, kind, message = OTHER_KINDS[name]
    made = model(kind, **options)
    with pytest.raises(ValueError, match=message):
        load_agent(saved(made, tmp_path))
    if name in WRAPPED_ALL_THE_SAME:
        assert wrap_agent(made).layers
    else:
        with pytest.raises(
            ValueError, match=r"of Stable-Baselines3 cannot be an agent: its (actions|observations) are"
        ):
            wrap_agent(made)


def test_weights_alone_open_too(tmp_path):
    made = model(PPO, shape=(64, 64, 3), actions=gymnasium.spaces.Discrete(15))
    torch.save(made.policy.state_dict(), tmp_path / "policy.pth")
    agent = load_agent(tmp_path / "policy.pth")
    assert isinstance(agent, Agent)
    assert (agent.observation_shape, agent.action_names[7]) == ((64, 64, 3), "RIGHT")
    assert_same(agent, made, frames_for(agent)[0])
    made.policy.save(tmp_path / "objects.pth")  # spaces and settings lie beside the weights
    with pytest.raises(ValueError, match=r"besides weights \(gymnasium\.spaces.*\), which are not.*wrap_agent"):
        load_agent(tmp_path / "objects.pth")


def test_action_values_are_played_greedily(tmp_path):
    agent = load_agent(saved(model(DQN), tmp_path))
    with make_environment(gymnasium.vector.SyncVectorEnv([Noise, Noise])) as environment:
        rollout = collect_rollout(agent, environment, num_steps=6, progress=False)
    assert (rollout["action"].values == rollout["policy_logits"].values.argmax(-1)).all()
    assert "value" not in rollout


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_lstm_layers": 2, "net_arch": [12]},
        {"enable_critic_lstm": False},
        {"enable_critic_lstm": False, "shared_lstm": True},
        {"share_features_extractor": False},
    ],
)
def test_a_recurrent_policy_carries_its_state_as_the_library_does(options, tmp_path):
    contributions = pytest.importorskip("sb3_contrib", reason="the library's contributions are not installed")
    made = contributions.RecurrentPPO(
        "CnnLstmPolicy", worlds(), n_steps=8, batch_size=8, policy_kwargs={"lstm_hidden_size": 6, **options}, seed=0
    )
    agent = wrap_agent(made)
    assert (agent.recurrent, agent.observation_shape) == (True, (40, 44, 3))
    lstm, state = made.policy.lstm_actor, None
    theirs = contributions.common.recurrent.type_aliases.RNNStates(
        *((torch.zeros(lstm.num_layers, 3, 6), torch.zeros(lstm.num_layers, 3, 6)) for _ in range(2))
    )
    for step, observations in enumerate(frames_for(agent, steps=4)):
        first = np.array([step == 0, step in (0, 2), step == 0])
        logits, value, state = agent(observations, state, first)
        x, starts = torch.as_tensor(observations).permute(0, 3, 1, 2), torch.tensor(first, dtype=torch.float32)
        with torch.no_grad():
            expected, _ = made.policy.get_distribution(x, theirs.pi, starts)
            _, expected_value, _, theirs = made.policy.forward(x, theirs, starts)
        expected = expected.distribution.logits
        logits = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(value, expected_value.ravel(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"it is recurrent\. .*pass the model to rlv\.wrap_agent"):
        load_agent(saved(made, tmp_path))


def test_quantiles_stand_for_their_mean(tmp_path):
    contributions = pytest.importorskip("sb3_contrib", reason="the library's contributions are not installed")
    made = contributions.QRDQN("CnnPolicy", worlds(), buffer_size=10, policy_kwargs={"n_quantiles": 7}, seed=0)
    observations = frames_for(load_agent(saved(made, tmp_path)))[0]
    with torch.no_grad():
        expected = made.policy.quantile_net(torch.as_tensor(observations).permute(0, 3, 1, 2)).mean(1)
    for agent in (load_agent(tmp_path / "model.zip"), wrap_agent(made)):
        assert isinstance(agent.network, StagedNetwork)
        np.testing.assert_allclose(agent(observations)[0], expected, rtol=1e-4, atol=1e-6)
        assert (agent(observations)[1], agent.info["logits"]) == (None, "action values")


def test_zips_of_early_versions_open(ppo_zip, tmp_path):
    """They have the extractor once, and spaces of gym."""

    def earlier(members):
        members = with_state(lambda s: {n: t for n, t in s.items() if not n.startswith(("pi_", "vf_"))})(members)
        data = json.loads(members["data"])
        for key in ("observation_space", "action_space"):
            space = data[key]
            data[key] = {":type:": space[":type:"].replace("gymnasium", "gym"), "shape": space["_shape"]}
        return {**members, "data": json.dumps(data).encode(), "_stable_baselines3_version": b"1.6.2"}

    agent, expected = load_agent(rewritten(ppo_zip, tmp_path / "early.zip", earlier)), load_agent(ppo_zip)
    assert agent.info["library"] == "Stable-Baselines3 1.6.2"
    observations = frames_for(agent)[0]
    for found, wanted in zip(agent(observations), expected(observations), strict=True):
        np.testing.assert_array_equal(found, wanted)
