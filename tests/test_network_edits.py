import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch
from test_agents import NAMES, SMALL, num_hooks, random_observations, seeded

from rlvision_widgets.agents import Agent, ClearNetwork, load_agent, save_agent, wrap_agent
from rlvision_widgets.agents.editing import edit_changes, edit_places, edited_agent
from rlvision_widgets.agents.edits import (
    KINDS,
    WHERE,
    Ablate,
    AblateChannels,
    EraseConcept,
    Steer,
    describe_network_edit,
    network_edits_from,
    network_edits_to_json,
)
from rlvision_widgets.agents.exporting import export_weights
from rlvision_widgets.analysis.attribution import attribute
from rlvision_widgets.environments import edits as world_edits


def direction(agent, layer, seed=0):
    return np.random.default_rng(seed).normal(size=agent.layer_shape(layer)[0])


def erasure(agent, layer, strength=1.0):
    channels = agent.layer_shape(layer)[0]
    matrix = np.eye(channels) + np.random.default_rng(1).normal(0, 0.2, (channels, channels))
    return EraseConcept(layer, matrix, 0.1 * direction(agent, layer, 2), strength)


def one_of_each(agent, layer, strength=1.0):
    """Every kind of edit of a layer, and every method."""
    frames = random_observations(agent, 6, 7)
    by = {method: AblateChannels.fitted(agent, frames, layer, [0, 2], method) for method in ("mean", "resample")}
    edits = {
        "ablate": Ablate(layer, direction(agent, layer), where="layer"),
        "zero": AblateChannels(layer, (1, 3)),
        **by,
        "steer": Steer(layer, 0.3 * direction(agent, layer, 3)),
        "steer cells": Steer(layer, np.random.default_rng(4).normal(0, 0.2, agent.layer_shape(layer))),
        "erase": erasure(agent, layer),
    }
    return {name: dataclasses.replace(edit, strength=strength) for name, edit in edits.items()}


@pytest.fixture(scope="module", params=SMALL)
def agent(request):
    return Agent(seeded(SMALL[request.param]), name="small", action_names=NAMES, value_scale=10.0)


@pytest.fixture(scope="module")
def clear():
    return Agent(seeded(SMALL["clear"]), name="small", action_names=NAMES)


@pytest.fixture(scope="module")
def wrapped(clear):
    """The same network behind hooks; its layers are called trunk.1a, ..."""
    layers = [f"trunk.{layer}" for layer in clear.layers]
    return wrap_agent(clear.network, layers=layers, observation_shape=clear.observation_shape, action_names=NAMES)


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_close(first, second, **tolerance):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-5, **tolerance})


# data


@pytest.mark.parametrize("kind", ["ablate", "zero", "mean", "resample", "steer", "steer cells", "erase"])
def test_an_edit_goes_through_json_and_stays_equal(clear, kind):
    edit = one_of_each(clear, "2b", -0.7)[kind]
    text = network_edits_to_json([edit])
    assert network_edits_from(text) == (edit,)
    assert network_edits_from(json.loads(text)) == (edit,)
    assert hash(network_edits_from(text)[0]) == hash(edit)
    assert network_edits_to_json(network_edits_from(text)) == text
    assert copy.deepcopy(edit) == edit


def test_kinds_of_network_and_world_edits_are_told_apart():
    assert not set(KINDS) & set(world_edits.KINDS)
    with pytest.raises(TypeError, match=r"'hide' is no network edit. Edits of the world"):
        network_edits_from([world_edits.Hide("saw")])
    with pytest.raises(TypeError, match=r"'ablate' is no edit. Edits of a network"):
        world_edits.edits_from([Ablate("2b", [1.0])])


def test_a_feature_is_ablated_by_its_direction_in_the_study(study):
    edit = Ablate.feature(study, "2b", 1, strength=0.5, where="layer")
    features = study["layers/2b"]
    np.testing.assert_array_equal(np.float32(edit.direction), features["direction"].values[1])
    assert str(features["feature_name"].values[1]) in edit.name
    assert edit.checkpoint == study.attrs["checkpoint"]
    assert (edit.strength, edit.where) == (0.5, "layer")


BAD = {
    "NaN": (lambda: Ablate("2b", [1.0, np.nan]), "must be finite, and is nan at 1"),
    "zero direction": (lambda: Ablate("2b", [0.0, 0.0]), "points nowhere"),
    "no numbers": (lambda: Ablate("2b", "abc"), "must be numbers, and 'abc' came"),
    "a matrix": (lambda: Ablate("2b", np.eye(2)), r"must be numbers \(channel\), and an array of shape \(2, 2\)"),
    "strength": (lambda: Ablate("2b", [1.0], 2.5), "from -2 to 2"),
    "NaN strength": (lambda: Steer("2b", [1.0], np.nan), "from -2 to 2"),
    "true strength": (lambda: Steer("2b", [1.0], True), "from -2 to 2"),
    "place": (lambda: Ablate("2b", [1.0], where="next kernel"), "Did you mean 'next_kernel'"),
    "layer": (lambda: Ablate(3, [1.0]), "layer must be a text"),
    "channels": (lambda: AblateChannels("2b", (1, 1)), "must be different and at least 0"),
    "no channels": (lambda: AblateChannels("2b", ()), r"such as \(3, 7\)"),
    "method": (lambda: AblateChannels("2b", (1,), method="means"), "Did you mean 'mean'"),
    "no means": (lambda: AblateChannels("2b", (1,), method="mean"), "takes 1 values"),
    "needless means": (lambda: AblateChannels("2b", (1,), values=(0.5,)), "takes no values"),
    "damaged maps": (lambda: AblateChannels("2b", (1,), method="resample", reference="1x1:x"), "damaged"),
    "not square": (lambda: EraseConcept("2b", np.ones((2, 3)), [0, 0]), "2 x 3"),
    "bias": (lambda: EraseConcept("2b", np.eye(2), [0, 0, 0]), "bias has 3 channels, the matrix 2"),
    "kind": (lambda: network_edits_from([{"kind": "ablat"}]), "Did you mean 'ablate'"),
    "field": (lambda: network_edits_from({"kind": "ablate", "layr": "2b"}), "Did you mean 'layer'"),
    "missing": (lambda: network_edits_from({"kind": "ablate", "layer": "2b"}), "needs direction"),
    "no JSON": (lambda: network_edits_from("[{"), "must be JSON, as network_edits_to_json"),
    "no list": (lambda: network_edits_from(3), "a list of network edits"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_in_an_edit_is_named_when_it_is_made(mistake):
    make, message = BAD[mistake]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_an_unknown_layer_or_feature_of_a_study_is_named(study):
    with pytest.raises(ValueError, match=r"unknown layer '2c'\. Did you mean '2b'"):
        Ablate.feature(study, "2c", 0)
    with pytest.raises(ValueError, match=r"features 0 to \d+ in this study, and 99"):
        Ablate.feature(study, "2b", 99)
    with pytest.raises(TypeError, match="Did you mean 'strength'"):
        Ablate.feature(study, "2b", 0, strenght=1.0)


# the edited agent


def test_the_original_stays_as_it_is_to_the_bit(agent):
    observations = random_observations(agent, 3)
    before, weights = agent(observations), copy.deepcopy(agent.network.state_dict())
    layer = agent.layers[-1]
    edited = edited_agent(agent, [*one_of_each(agent, layer).values(), Ablate(layer, direction(agent, layer))])
    assert not np.array_equal(edited(observations)[0], before[0])
    assert_same(agent(observations), before)
    assert agent.edits == ()
    for name, tensor in agent.network.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_strength_zero_and_no_edit_are_the_identity_to_the_bit(agent):
    observations, layer = random_observations(agent, 3), agent.layers[-1]
    edits = [*one_of_each(agent, layer, 0.0).values(), Ablate(layer, direction(agent, layer), 0.0)]
    sham = edited_agent(agent, edits)
    assert_same(sham(observations), agent(observations))
    assert sham.checkpoint == agent.checkpoint
    assert sham.edits == tuple(edits)
    assert_same(edited_agent(agent, [])(observations), agent(observations))
    assert not edit_changes(agent, edits)["max_change"].any()


def test_an_edited_agent_says_what_was_done(clear):
    first, second = Ablate("2a", direction(clear, "2a"), name="feature 3 (saw)"), AblateChannels("2b", (1, 3), 0.5)
    edited = edited_agent(clear, [first, second])
    told = "small with feature 3 (saw) removed from the kernel after 2a; channels 1, 3 of 2b set to 0, strength 0.5"
    assert edited.name == told
    assert edited.edits == (first, second)
    assert edited.checkpoint.startswith(clear.checkpoint + "+")
    assert edited.info["original_checkpoint"] == clear.checkpoint
    third = edited_agent(edited, erasure(clear, "3a"))
    assert third.name == "small with 3 edits"
    assert len({clear.checkpoint, edited.checkpoint, third.checkpoint}) == 3
    assert edited_agent(clear, [first, second]).checkpoint == edited.checkpoint


@pytest.mark.parametrize("kind", ["ablate", "zero", "mean", "resample", "steer", "steer cells", "erase"])
@pytest.mark.parametrize("strength", [0.6, -1.5])
def test_activations_are_those_that_the_edit_says(clear, kind, strength):
    observations = random_observations(clear, 4)
    a = clear.activations("2b", observations).double().numpy()
    edit = one_of_each(clear, "2b", strength)[kind]
    found = edited_agent(clear, edit).activations("2b", observations).double().numpy()
    expected = a.copy()
    if kind == "ablate":
        v = np.array(edit.direction)
        expected -= strength * np.einsum("c,bcyx->byx", v, a)[:, None] * v[:, None, None] / (v @ v)
    elif kind in ("zero", "mean"):
        values = np.reshape(edit.values or [0.0, 0.0], (2, 1, 1))
        expected[:, list(edit.channels)] += strength * (values - a[:, list(edit.channels)])
    elif kind == "resample":
        candidates = a[:, None, [0, 2]] + strength * (edit.maps.astype(float)[None] - a[:, None, [0, 2]])
        drawn = np.abs(candidates - found[:, None, [0, 2]]).max((2, 3, 4)).argmin(1)
        expected[:, [0, 2]] = candidates[np.arange(4), drawn]
    elif kind == "steer":
        expected += strength * np.array(edit.direction)[:, None, None]
    elif kind == "steer cells":
        expected += strength * np.array(edit.direction)
    else:
        moved = np.einsum("dc,bcyx->bdyx", np.array(edit.matrix), a) + np.array(edit.bias)[:, None, None]
        expected += strength * (moved - a)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found - a).max() > 1e-3


def test_nothing_is_left_along_a_direction_that_is_removed(clear):
    v = direction(clear, "2b")
    observations = random_observations(clear, 4)
    edited = edited_agent(clear, Ablate("2b", v, where="layer"))
    a = clear.activations("2b", observations)
    left = torch.einsum(
        "c,bcyx->byx", torch.tensor(v / np.linalg.norm(v)), edited.activations("2b", observations).double()
    )
    assert left.abs().max() <= 1e-6 * a.abs().max()
    # as for the kernel: moving what is pooled along v moves nothing behind it
    blind = edited_agent(clear, Ablate("2b", v)).double()
    read = blind.network.stages("2b", "2_pool")(blind.activations("2b", observations))
    moved = read + torch.tensor(v)[:, None, None]
    kernel = blind.network.stages("2_pool", "3a")
    assert (kernel(moved) - kernel(read)).abs().max() <= 1e-6 * kernel(read).abs().max()


@pytest.mark.parametrize(
    ("name", "layer"), [("clear", "2a"), ("nature", "c1"), ("nature", "c2"), ("nature", "c3"), ("impala", "1b")]
)
@pytest.mark.parametrize("strength", [1.0, 0.4, -2.0])
def test_editing_the_kernel_is_editing_the_layer_where_nothing_lies_between(name, layer, strength):
    agent = Agent(seeded(SMALL[name]), name="small", action_names=NAMES)
    observations = random_observations(agent, 3)
    at_kernel, at_layer = (
        edited_agent(agent, Ablate(layer, direction(agent, layer), strength, where))(observations)
        for where in ("next_kernel", "layer")
    )
    assert_close(at_kernel, at_layer)
    assert np.abs(at_kernel[0] - agent(observations)[0]).max() > 1e-2


@pytest.mark.parametrize("layer", ["1a", "2b", "3a", "4a"])
def test_editing_the_kernel_is_something_else_where_a_pool_lies_between(clear, layer):
    observations, v = random_observations(clear, 3), direction(clear, layer)
    before = clear(observations)[0]
    changes = [
        edited_agent(clear, Ablate(layer, v, 1.0, w))(observations)[0] - before for w in ("next_kernel", "layer")
    ]
    apart = np.abs(changes[0] - changes[1]).max()
    assert apart > 0.05 * np.abs(changes[0]).max()


def test_a_single_channel_is_nearly_the_same_edit_on_both_sides_of_a_pool(clear):
    observations = random_observations(clear, 3)
    before = clear(observations)[0]
    for channel in range(6):
        v = np.eye(6)[channel]
        if not clear.activations("2b", observations)[:, channel].any():
            continue
        kernel, layer = (
            edited_agent(clear, Ablate("2b", v, 1.0, w), observations)(observations)[0] - before for w in WHERE
        )
        # the pool's root of 1e-8 is what is left of a channel that is 0
        assert np.abs(kernel - layer).max() < 0.02 * np.abs(kernel).max()


def test_edits_at_a_layer_are_made_in_order_and_editing_twice_is_editing_once(clear):
    observations = random_observations(clear, 3)
    first, second = Ablate("2b", direction(clear, "2b"), where="layer"), Steer("2b", direction(clear, "2b", 5))
    both = edited_agent(clear, [first, second])
    a, v = clear.activations("2b", observations).double().numpy(), np.array(first.direction)
    expected = a - np.einsum("c,bcyx->byx", v, a)[:, None] * v[:, None, None] / (v @ v)
    expected += np.array(second.direction)[:, None, None]
    np.testing.assert_allclose(both.activations("2b", observations), expected, rtol=1e-4, atol=1e-5)
    assert_same(edited_agent(edited_agent(clear, first), second)(observations), both(observations))
    turned = edited_agent(clear, [second, first])
    assert np.abs(turned(observations)[0] - both(observations)[0]).max() > 1e-3


def test_edits_of_a_kernel_follow_one_another_and_the_last_direction_is_gone(clear):
    first, second = (Ablate("2a", direction(clear, "2a", seed)) for seed in (0, 1))
    both = edited_agent(clear, [first, second]).double()
    observations = random_observations(clear, 2)
    a = both.activations("2a", observations)
    after = both.network.stages("2a", "2b")
    moved = a + torch.tensor(second.direction)[:, None, None]
    torch.testing.assert_close(after(moved), after(a), rtol=1e-5, atol=1e-6)
    one_by_one = edited_agent(edited_agent(clear, first), second)
    assert_same(one_by_one(observations), edited_agent(clear, [first, second])(observations))


@pytest.mark.parametrize("kind", ["ablate", "zero", "mean", "steer", "steer cells", "erase"])
def test_every_way_through_an_edited_agent_sees_the_edit(agent, kind):
    layer = agent.layers[1]
    edited = edited_agent(agent, one_of_each(agent, layer)[kind])
    observations = random_observations(agent, 3)
    expected = edited(observations)
    for start in ("input", *agent.layers):
        output = edited.head(start)(edited.activations(start, observations))
        assert_close((output.logits, output.value), expected)
    reached = edited.between(agent.layers[0], layer)(edited.activations(agent.layers[0], observations))
    torch.testing.assert_close(reached, edited.activations(layer, observations), rtol=1e-4, atol=1e-5)
    for copied in (edited.double(), edited.to("cpu"), edited.astype(torch.float32), copy.deepcopy(edited)):
        assert_close(copied(observations), expected)
        assert copied.edits == edited.edits
        assert copied.checkpoint == edited.checkpoint


def test_attribution_of_an_edited_agent_is_still_complete(clear):
    observations = random_observations(clear, 2)
    edited = edited_agent(clear, [erasure(clear, "2b", 0.5), Ablate("2a", direction(clear, "2a"))]).double()
    for layer in ("1a", "2b", "3a"):
        found = attribute(edited, observations, layer=layer, tolerance=1e-3)
        head = edited.head(layer)
        start = edited.activations(layer, observations)
        difference = (head(start).value - head(torch.zeros_like(start)).value).numpy()
        total = found.sum(("y", "x", "channel")) + found["completeness_error"]
        np.testing.assert_allclose(total, difference, rtol=1e-6, atol=1e-8)
        assert np.abs(found["completeness_error"]).max() < 0.05 * np.abs(difference).max()


# resampling


def test_what_is_resampled_depends_on_the_observation_alone(clear):
    observations = random_observations(clear, 40, 5)
    maps = AblateChannels.fitted(clear, random_observations(clear, 16, 6), "2b", [0, 2], "resample")
    edited = edited_agent(clear, maps)
    together = edited.activations("2b", observations)[:, [0, 2]]
    alone = torch.cat([edited.activations("2b", one[None]) for one in observations[::-1]]).flip(0)[:, [0, 2]]
    torch.testing.assert_close(together, alone, rtol=0, atol=0)
    torch.testing.assert_close(edited.double().activations("2b", observations)[:, [0, 2]].float(), together)
    assert len({row.numpy().tobytes() for row in together}) > 8  # of 16 they could be


def test_resampling_behind_a_layer_asks_for_the_observations(clear):
    observations = random_observations(clear, 3)
    edited = edited_agent(clear, AblateChannels.fitted(clear, observations, "2b", [0], "resample"))
    activations = edited.activations("1a", observations)
    with pytest.raises(ValueError, match="pass the observations too"):
        edited.head("1a")(activations)
    assert_close(edited.head("1a", observations)(activations), edited(observations))
    found = attribute(edited.double(), observations, layer="1a", tolerance=1e-3)
    assert np.abs(found["completeness_error"]).max() < 0.05 * np.abs(found.sum(("y", "x", "channel"))).max()


# difference vectors


def test_a_difference_vector_takes_one_kind_of_frame_to_the_other_on_average(clear):
    with_, without = random_observations(clear, 6, 1), random_observations(clear, 6, 2)
    wanted = clear.activations("2b", without).mean(0)
    per_cell = Steer.difference(clear, "2b", with_, without, strength=-1, per_cell=True)
    found = edited_agent(clear, per_cell).activations("2b", with_).mean(0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    plain = Steer.difference(clear, "2b", with_, without, strength=-1)
    found = edited_agent(clear, plain).activations("2b", with_).mean((0, 2, 3))
    torch.testing.assert_close(found, wanted.mean((1, 2)), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="as many frames with as without"):
        Steer.difference(clear, "2b", with_, without[:2])
    with pytest.raises(ValueError, match="differ nowhere"):
        Steer.difference(clear, "2b", with_, with_)


# what is refused


def test_an_edit_that_does_not_fit_the_agent_is_refused(clear, agent):
    with pytest.raises(ValueError, match=r"unknown layer '2c'\. Did you mean '2"):
        edited_agent(clear, Ablate("2c", [1.0]))
    with pytest.raises(ValueError, match=r"has size \(3,\), and the layer \(6,\)"):
        edited_agent(clear, Ablate("2b", [1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"has size \(2,\), and the layer \(6,\)"):
        edited_agent(clear, EraseConcept("2b", np.eye(2), [0, 0]))
    with pytest.raises(ValueError, match=r"has size \(6, 2, 2\), and the layer \(6, 12, 10\)"):
        edited_agent(clear, Steer("2b", np.ones((6, 2, 2))))
    with pytest.raises(ValueError, match="channels 0 to 5, and 9"):
        edited_agent(clear, AblateChannels("2b", (9,)))
    with pytest.raises(ValueError, match="channels 0 to 5, and 9"):
        AblateChannels.fitted(clear, random_observations(clear, 2), "2b", [9])
    foreign = Ablate("2b", direction(clear, "2b"), checkpoint="0123456789abcdef")
    with pytest.raises(ValueError, match="made for an agent with the weights 0123456789ab"):
        edited_agent(clear, foreign)
    own = dataclasses.replace(foreign, checkpoint=clear.checkpoint)
    edited = edited_agent(clear, own)
    assert edited_agent(edited, dataclasses.replace(own, checkpoint=edited.checkpoint)).edits[0] == own


def test_an_edit_that_changes_nothing_is_refused(clear):
    network = copy.deepcopy(clear.network)
    with torch.no_grad():
        network.trunk.get_submodule("2b").weight[1] = 0
        network.trunk.get_submodule("2b").bias[1] = -1  # a channel that is never active
    dead = Agent(network, name="dead", action_names=NAMES)
    for edit in (Ablate("2b", np.eye(6)[1], where="layer"), AblateChannels("2b", (1,))):
        with pytest.raises(ValueError, match="changes nothing in layer '2b' on noise"):
            edited_agent(dead, edit)
        with pytest.raises(ValueError, match="on these observations, nor on noise"):
            edited_agent(dead, edit, observations=random_observations(dead, 2))
    # on a frame without the thing nothing changes, but elsewhere it does
    quiet = edited_agent(clear, AblateChannels("2b", (1,)), observations=np.zeros((1, 24, 20, 3), np.uint8))
    assert quiet.edits


def test_changes_are_reported_in_order_and_as_measured(clear):
    observations = random_observations(clear, 4)
    edits = [
        Ablate("2b", direction(clear, "2b")),
        AblateChannels("2a", (1,)),
        Ablate("2b", direction(clear, "2b", 1), 0.0),
    ]
    table = edit_changes(clear, edits, observations)
    assert table["where"].tolist() == ["3a", "layer", "3a"]
    assert table["layer"].tolist() == ["2b", "2a", "2b"]
    assert table["edit"].tolist() == [describe_network_edit(edit) for edit in edits]
    before = clear.activations("3a", observations)
    after = edited_agent(clear, edits[0]).activations("3a", observations)
    row = table.iloc[0]
    assert row["max_change"] == pytest.approx(float((after - before).abs().max()))
    assert row["mean_change"] == pytest.approx(float((after - before).abs().mean()))
    assert row["relative"] == pytest.approx(float((after - before).norm() / before.norm()), rel=1e-5)
    assert table.iloc[2][["max_change", "mean_change", "relative"]].tolist() == [0, 0, 0]


def test_no_kernel_is_edited_where_something_goes_around_it():
    impala = Agent(seeded(SMALL["impala"]), name="impala", action_names=NAMES)
    for layer in ("1a", "2a"):
        with pytest.raises(ValueError, match=r"residual .* also passes the layer on past its kernels.*where='layer'"):
            edited_agent(impala, Ablate(layer, direction(impala, layer)))
    assert edit_changes(impala, Ablate("2b", direction(impala, "2b")))["where"].tolist() == ["dense_1"]
    both = ("next_kernel", "layer")
    assert [edit_places(impala, layer) for layer in impala.layers] == [("layer",), both, ("layer",), both]


# wrapped modules


@pytest.mark.parametrize("layer", ["1a", "2a", "2b", "4a"])
def test_a_wrapped_module_is_edited_as_the_packages_own_network(clear, wrapped, layer):
    observations = random_observations(clear, 4)
    own = [*one_of_each(clear, layer).values(), Ablate(layer, direction(clear, layer))]
    for edit in own:
        theirs = dataclasses.replace(edit, layer=f"trunk.{layer}", checkpoint="")
        edited = edited_agent(wrapped, theirs)
        expected = edited_agent(clear, edit)
        assert_close(edited(observations), expected(observations))
        for each in clear.layers:
            found = edited.activations(f"trunk.{each}", observations)
            torch.testing.assert_close(found, expected.activations(each, observations), rtol=1e-4, atol=1e-5)
        output = edited.head(f"trunk.{layer}", observations)(found_at(edited, layer, observations))
        assert_close((output.logits, output.value), edited(observations))
        assert_close(edited.double()(observations), edited(observations))
        assert num_hooks(edited) == 0


def found_at(agent, layer, observations):
    return agent.activations(f"trunk.{layer}", observations)


def test_edits_of_a_wrapped_module_follow_one_another(clear, wrapped):
    observations = random_observations(clear, 3)
    edits = [*list(one_of_each(clear, "2b").values())[:3], Ablate("2a", direction(clear, "2a")), erasure(clear, "2b")]
    theirs = [dataclasses.replace(edit, layer=f"trunk.{edit.layer}", checkpoint="") for edit in edits]
    together = edited_agent(wrapped, theirs)
    assert_close(together(observations), edited_agent(clear, edits)(observations))
    assert_same(edited_agent(edited_agent(wrapped, theirs[:2]), theirs[2:])(observations), together(observations))


def small_policy(*after, features=4 * 8 * 8):
    torch.manual_seed(0)
    parts = [
        torch.nn.Conv2d(3, 4, 3, padding=1),
        torch.nn.ReLU(),
        *after,
        torch.nn.Flatten(),
        torch.nn.Linear(features, 3),
    ]
    return torch.nn.Sequential(*parts)


def wrap_small(module):
    return wrap_agent(module, observation_shape=(8, 8, 3), action_names=NAMES)


def test_the_next_kernel_of_a_wrapped_module_is_found_by_experiment():
    plain = wrap_small(small_policy())  # channel first, as torch flattens
    observations = random_observations(plain, 3)
    v = direction(plain, "1")
    assert_close(
        edited_agent(plain, Ablate("1", v))(observations)[:1],
        edited_agent(plain, Ablate("1", v, where="layer"))(observations)[:1],
    )
    assert edit_changes(plain, Ablate("1", v))["where"].tolist() == ["3"]
    pooled = wrap_small(small_policy(torch.nn.MaxPool2d(2), features=4 * 4 * 4))
    assert edit_changes(pooled, Ablate("1", v))["where"].tolist() == ["4"]


class Around(torch.nn.Module):
    """A kernel reads the layer, and the layer goes around it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(4, 4, 3, padding=1)
        self.out = torch.nn.Linear(256, 3)

    def forward(self, x):
        x = self.first(x).relu()
        return self.out((x + self.second(x)).flatten(1))


def test_a_wrapped_module_without_a_kernel_for_all_that_follows_is_refused_in_words():
    cases = {
        "something goes around": (Around(), "first"),
        "channels are mixed": (small_policy(torch.nn.GroupNorm(2, 4)), "1"),
        "mixed or regrouped": (small_policy(torch.nn.Conv2d(4, 4, 3, padding=1, groups=2)), "1"),
        "computed from other weights": (
            small_policy(torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(4, 4, 3, padding=1))),
            "1",
        ),
    }
    for message, (module, layer) in cases.items():
        agent = wrap_small(module)
        with pytest.raises(ValueError, match=message):
            edited_agent(agent, Ablate(layer, direction(agent, layer)))
        assert edited_agent(agent, Ablate(layer, direction(agent, layer), where="layer")).edits
    bare = wrap_agent(
        torch.nn.Sequential(torch.nn.Conv2d(3, 3, 8)),
        forward=lambda module, x: module(x).flatten(1),
        observation_shape=(8, 8, 3),
        action_names=NAMES,
    )
    with pytest.raises(ValueError, match="no convolution or dense layer follows layer '0'"):
        edited_agent(bare, Ablate("0", [1.0, 2.0, 3.0]))


# as weights


def foldable(agent, layer):
    yield Ablate(layer, direction(agent, layer))
    yield AblateChannels(layer, (0, 2))
    yield AblateChannels(layer, (1,), 0.3)
    yield AblateChannels.fitted(agent, random_observations(agent, 4), layer, [1, 3], "mean")


@pytest.mark.parametrize("layer", ["1a", "2a", "2b", "4a"])
def test_folded_weights_are_the_edited_agent_in_a_file_too(clear, layer, tmp_path):
    observations = random_observations(clear, 4)
    for edit in foldable(clear, layer):
        edited = edited_agent(clear, edit)
        plain = export_weights(edited)
        assert plain.edits == ()
        assert plain.network.state_dict().keys() == clear.network.state_dict().keys()
        assert plain.info["original_checkpoint"] == clear.checkpoint
        assert network_edits_from(plain.info["edits"]) == (edit,)
        assert_close(plain(observations), edited(observations))
        save_agent(plain, tmp_path / "edited.safetensors")
        opened = load_agent(tmp_path / "edited.safetensors")
        assert_same(opened(observations), plain(observations))
        assert opened.checkpoint == plain.checkpoint != clear.checkpoint


def test_affine_edits_fold_into_a_kernel_that_reads_the_layer_directly(clear):
    observations = random_observations(clear, 4)
    between = [
        Ablate("2a", direction(clear, "2a"), -1.5, "layer"),
        Ablate("2a", direction(clear, "2a", 1), 0.5, "layer"),
    ]
    mixing = [*between, Ablate("2a", direction(clear, "2a", 2)), AblateChannels("2b", (2,))]
    edited = edited_agent(clear, mixing)
    assert_close(export_weights(edited)(observations), edited(observations))
    nature = Agent(seeded(SMALL["nature"]), name="nature", action_names=NAMES)  # its kernels do not pad
    observations = random_observations(nature, 4)
    for layer in nature.layers:
        edited = edited_agent(nature, [erasure(nature, layer), Steer(layer, direction(nature, layer, 9))])
        assert_close(export_weights(edited)(observations), edited(observations))


def test_a_wrapped_module_gets_its_edits_as_weights(clear, wrapped):
    observations = random_observations(clear, 3)
    edits = [Ablate("trunk.2a", direction(clear, "2a"), where="layer"), AblateChannels("trunk.2b", (1,))]
    edited = edited_agent(wrapped, edits)
    plain = export_weights(edited)
    assert_close(plain(observations), edited(observations))
    weights = plain.network.module.state_dict()
    assert weights.keys() == wrapped.network.module.state_dict().keys()
    # a convolution that nothing rectifies takes any affine edit
    policy = wrap_small(small_policy())
    edited = edited_agent(policy, erasure(policy, "0"))
    observations = random_observations(policy, 3)
    assert_close(export_weights(edited)(observations)[:1], edited(observations)[:1])


def test_what_cannot_be_weights_is_said_layer_by_layer(clear, tmp_path):
    frames = random_observations(clear, 4)
    impala = Agent(seeded(SMALL["impala"]), name="impala", action_names=NAMES)
    cases = [
        (clear, Ablate("2b", direction(clear, "2b"), where="layer"), "2b': a pooling .* lies between it and .* '3a'"),
        (clear, Steer("2a", direction(clear, "2a")), "a constant is added, which the next kernel, '2b', would not see"),
        (clear, AblateChannels.fitted(clear, frames, "2b", [1], "resample"), "differs from cell to cell"),
        (impala, Ablate("1a", direction(impala, "1a"), where="layer"), "also passes the layer on past its kernels"),
    ]
    for agent, edit, message in cases:
        edited = edited_agent(agent, edit)
        with pytest.raises(ValueError, match=message):
            export_weights(edited)
        assert edited.edits == (edit,)
        with pytest.raises(ValueError, match=r"is edited; rlv\.export_weights"):
            save_agent(edited, tmp_path / "edited.safetensors")
    assert export_weights(clear) is clear


# elsewhere


@pytest.mark.parametrize("kind", ["ablate", "zero", "mean", "resample", "steer", "steer cells", "erase"])
def test_an_edited_agent_goes_to_other_processes_and_to_bfloat16(clear, kind):
    observations = random_observations(clear, 3)
    edited = edited_agent(clear, [one_of_each(clear, "2b")[kind], Ablate("2a", direction(clear, "2a"))])
    arrived = pickle.loads(pickle.dumps(edited))
    assert_same(arrived(observations), edited(observations))
    assert arrived.edits == edited.edits
    logits, value = edited(observations)
    with torch.autocast("cpu", torch.bfloat16):
        rough = edited(observations)
    assert not np.array_equal(rough[0], logits)
    assert np.abs(rough[0] - logits).max() < 0.1 * np.abs(logits).max()
    assert np.abs(rough[1] - value).max() < 0.1 * np.abs(value).max()


def test_edited_batches_run_side_by_side(clear):
    observations = random_observations(clear, 70)
    edited = edited_agent(clear, one_of_each(clear, "2b")["resample"])
    alone = edited(observations)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert_close(edited(observations), alone)
    finally:
        torch.set_num_threads(threads)


class Remembering(torch.nn.Module):
    """Adds up what a kernel reads of each observation of an episode."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.look, self.out = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Linear(256, 3)

    def forward(self, x, state, first):
        state = torch.where(first[:, None], 0, state) + self.out(self.look(x).flatten(1))
        return state, None, state


def test_a_recurrent_agent_is_edited_in_every_step():
    agent = wrap_agent(
        Remembering(), initial_state=lambda n: torch.zeros(n, 3), observation_shape=(8, 8, 3), action_names=NAMES
    )
    v, observations = direction(agent, "look"), random_observations(agent, 2)
    at_layer, at_kernel = (edited_agent(agent, Ablate("look", v, where=w)) for w in ("layer", "next_kernel"))
    states = [None, None, None]
    for _ in range(3):
        outputs = [
            one(observations, state=state) for one, state in zip((agent, at_layer, at_kernel), states, strict=True)
        ]
        states = [output[2] for output in outputs]
        np.testing.assert_allclose(outputs[1][0], outputs[2][0], rtol=1e-4, atol=1e-5)
        assert np.abs(outputs[1][0] - outputs[0][0]).max() > 1e-2


def test_means_and_references_come_from_the_frames_of_the_study(study):
    network = seeded(lambda: ClearNetwork(3, (4, 8, 8, 8, 8), (16, 16)))
    agent = Agent(network, name="toy", action_names=NAMES)
    frames = study["observations"]["observation"].values
    edit = AblateChannels.fitted(agent, study, "2b", [1, 4], "mean", num_frames=len(frames))
    expected = agent.activations("2b", frames)[:, [1, 4]].mean((0, 2, 3))
    np.testing.assert_allclose(edit.values, expected, rtol=1e-4)
    own = agent.activations("2b", frames[[0, -1]])[:, [1, 4]]
    drawn = AblateChannels.fitted(agent, study, "2b", [1, 4], "resample", num_references=2)
    np.testing.assert_allclose(drawn.maps, own, rtol=1e-3, atol=1e-6)
