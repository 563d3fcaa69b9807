"""What an edit changes inside an agent, and what probes still find, on planted changes and a toy agent."""

import numpy as np
import pytest
import torch
from toy import open_world, toy_study

from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.edits import Ablate
from rlvision_widgets.agents.networks import ClearNetwork
from rlvision_widgets.analysis import reprobe as probing
from rlvision_widgets.analysis.edit_internals import _with_intervals, edit_internals, episodes_of
from rlvision_widgets.analysis.reprobe import reprobe


@pytest.fixture(scope="module")
def study():
    tree = open_world(toy_study(num_trajectories=6))
    codes = tree["world"]["object_class"].values
    codes[:, 65:][codes[:, 65:] == 6] = 0  # as if there were no saws in the second half
    return tree


@pytest.fixture(scope="module")
def agent():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ClearNetwork(3, (4, 8, 8, 8, 8), (16, 16))
    with torch.no_grad():
        network.policy.weight.mul_(1000)
    return Agent(network, name="small", action_names=("a", "b", "c"), value_scale=10.0)


def channel(number, strength=1.0):
    return Ablate("2b", tuple(float(index == number) for index in range(8)), strength)


def test_a_sham_edit_changes_nothing(agent, study):
    found = edit_internals(agent, [channel(0, 0.0)], study, num_frames=16, num_resamples=50)
    for name in ("kl", "value_change", "abs_value_change", "action_change", "kl_high"):
        assert (found[name] == 0).all()
    assert np.isnan(found["kl_specificity"])
    assert np.isnan(found["value_specificity"])


def test_divergence_is_that_of_the_policies(agent, study):
    from rlvision_widgets.agents.editing import edited_agent

    edited = edited_agent(agent, [channel(int(np.argmax(agent.activations("2b", frames(study)).sum((0, 2, 3)))))])
    found = edit_internals(agent, edited, study, num_frames=10_000, least_pixels=1, num_resamples=20)
    shown = (study["world"]["object_class"] == 6).any(("height", "width")).values.ravel()
    p, q = (torch.tensor(one(frames(study))[0]).double().log_softmax(1).numpy() for one in (agent, edited))
    each = (np.exp(p) * (p - q)).sum(1)
    assert found["kl"].values == pytest.approx([each[shown].mean(), each[~shown].mean()])
    assert found["num_frames"].values.tolist() == [shown.sum(), (~shown).sum()]
    assert (found["kl_low"] <= found["kl"]).all()
    assert (found["kl"] <= found["kl_high"]).all()


def test_specificity_of_planted_changes():
    present = np.arange(40) % 2 == 0
    episode = np.arange(40) // 4
    change = np.where(present, 3.0, 1.5)
    only = {name: change for name in ("kl", "value_change", "abs_value_change", "action_change")}
    found = _with_intervals(only, present, episode, 100, 0)
    assert float(found["kl_specificity"]) == 2 == float(found["kl_specificity_low"])
    nowhere_else = {name: change * present for name in only}
    assert np.isposinf(_with_intervals(nowhere_else, present, episode, 100, 0)["kl_specificity_low"])


def test_episodes_of_two_trajectories_are_two(study):
    numbers = np.arange(6 * 130)
    found = episodes_of(study, numbers)
    pairs = {*zip((numbers // 130).tolist(), study["episode"].values.ravel().tolist(), strict=True)}
    assert len(np.unique(found)) == len(pairs)


@pytest.mark.parametrize("measure", [edit_internals, reprobe])
def test_what_cannot_be_measured_is_said(agent, study, measure):
    with pytest.raises(ValueError, match="Did you mean 'saw'"):
        measure(agent, [channel(0)], study, "sow")
    with pytest.raises(ValueError, match=r"none with 'lava'|'lava' is in 0 levels"):
        measure(agent, [channel(0)], study, "lava")
    with pytest.raises(ValueError, match="num_frames must be from"):
        measure(agent, [channel(0)], study, num_frames=0)


def planted(rng, kind, count=2000, channels=6):
    """Return cells, labels and levels: a linear sign of the object, or one that only a non-linear probe can read."""
    label = np.arange(count) % 2 == 0
    cells = rng.normal(size=(count, channels))
    if kind == "linear":
        cells[:, 2] += 4.0 * label
    elif kind == "parity":
        first = rng.choice([-1, 1], count)
        cells[:, 2] = first * 2 + 0.2 * cells[:, 2]
        cells[:, 4] = np.where(label, first, -first) * 2 + 0.2 * cells[:, 4]
    return cells, label, np.arange(count) // 50


def areas(cells, label, level):
    found = probing._probed((cells, cells), label, level, 20, 0)
    return dict(zip(probing.CLASSIFIERS, found["auroc"].sel(version="edited").values, strict=True))


def test_probes_find_what_was_planted():
    rng = np.random.default_rng(0)
    assert min(areas(*planted(rng, "linear")).values()) > 0.95
    assert all(abs(area - 0.5) < 0.08 for area in areas(*planted(rng, "nothing")).values())


def test_only_the_non_linear_probe_finds_a_parity():
    found = areas(*planted(np.random.default_rng(1), "parity"))
    assert abs(found["linear"] - 0.5) < 0.08
    assert found["mlp"] > 0.9


def test_no_linear_probe_finds_what_least_squares_has_erased():
    from concept_erasure import LeaceEraser

    cells, label, level = planted(np.random.default_rng(2), "linear")
    eraser = LeaceEraser.fit(torch.tensor(cells), torch.tensor(label).double())
    erased = eraser(torch.tensor(cells)).numpy()
    assert abs(areas(erased, label, level)["linear"] - 0.5) < 0.08


def test_cells_with_and_without_are_at_the_same_places_and_no_level_is_on_both_sides():
    rng = np.random.default_rng(3)
    shown, level = rng.random((60, 4, 4)) < 0.3, np.repeat(np.arange(12), 5)
    frame, y, x = probing._matched(shown, level, 100, 0)
    label = shown[frame, y, x]
    assert label[::2].all()
    assert not label[1::2].any()
    assert (y[::2] == y[1::2]).all()
    assert (x[::2] == x[1::2]).all()
    learns = probing._learning(level, 0)
    assert (learns[frame[::2]] == learns[frame[1::2]]).all()
    assert not set(level[learns]) & set(level[~learns])


def test_probes_before_and_after_an_edit(agent, study):
    options = {"num_frames": 32, "num_cells": 200, "num_resamples": 10}
    found = reprobe(agent, [channel(3)], study, **options)
    assert list(found["layer"].values) == ["2b", "2b, as read", "3a", "4a"]
    same = found.sel(layer="2b")["auroc"]
    assert np.array_equal(same.sel(version="original"), same.sel(version="edited"))
    assert ((found["auroc"] >= 0) & (found["auroc"] <= 1)).all()
    assert found.identical(reprobe(agent, [channel(3)], study, **options))
    sham = reprobe(agent, [channel(3, 0.0)], study, layers=["3a"], **options)["auroc"]
    assert np.array_equal(sham.sel(version="original"), sham.sel(version="edited"))


def frames(study):
    return study["observation"].values.reshape(-1, 64, 64, 3)
