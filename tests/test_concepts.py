import copy

import numpy as np
import pytest
import torch
import toy
from test_agents import NAMES, seeded
from test_counterfactual import coinrun
from test_environments import needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.agents import Agent, ClearNetwork
from rlvision_widgets.analysis.cells import ObjectCells, at_frames
from rlvision_widgets.analysis.pairs import object_pairs

FRAMES = np.arange(0, 260, 4)  # those that 65 of 260, evenly spread, are


@pytest.fixture(scope="module")
def agent():
    """For the toy study's frames of 64 x 64 pixels."""
    network = seeded(lambda: ClearNetwork(3, (4, 8, 8, 8, 8), (16, 16)))
    return Agent(network, name="toy", action_names=NAMES).double()


@pytest.fixture(scope="module")
def world():
    return toy.open_world(toy.toy_study(num_trajectories=2))


def best_prediction(agent, study, layer, concept, reach=0):
    """Correlation of a concept, at the cells of some frames, with its best linear prediction from the activations."""
    shown = ObjectCells(study, agent.layer_shape(layer)[1:], FRAMES).of(concept)
    if reach:
        padded = np.pad(shown, ((0, 0), (reach, reach), (reach, reach)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), (1, 2))
        shown = windows.any((3, 4))
    frames = at_frames(study["observation"], FRAMES)
    cells = agent.activations(layer, frames).permute(0, 2, 3, 1).flatten(0, 2).numpy()
    cells = np.c_[cells, np.ones(len(cells))]
    target = shown.ravel().astype(float)
    predicted = cells @ np.linalg.lstsq(cells, target, rcond=1e-10)[0]
    return np.corrcoef(predicted, target)[0, 1] if predicted.std() > 1e-12 else 0.0


@pytest.mark.parametrize(("layer", "reach"), [("2b", 0), ("2b", 1), ("4a", 0)])
def test_erasing_a_concept_leaves_no_linear_predictor_and_little_else_changed(agent, world, layer, reach):
    edit = rlv.erase_concept(agent, world, layer, "saw", reach=reach, num_frames=65, progress=False)
    edited = rlv.edited_agent(agent, edit)
    assert best_prediction(agent, world, layer, "saw", reach) > 0.05
    assert abs(best_prediction(edited, world, layer, "saw", reach)) < 1e-5
    assert best_prediction(edited, world, layer, "coin") > 0.05  # others can still be told
    # a projection of rank one that keeps the mean where it was
    matrix = np.array(edit.matrix)
    assert np.linalg.matrix_rank(np.eye(len(matrix)) - matrix, tol=1e-6) == 1
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-8)
    frames = at_frames(world["observation"], FRAMES)
    before, after = (one.activations(layer, frames).mean((0, 2, 3)) for one in (agent, edited))
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-8)
    assert edit.checkpoint == agent.checkpoint
    assert edit.concept == "saw"


def test_half_an_erasure_leaves_half_of_the_covariance(agent, world):
    frames = at_frames(world["observation"], FRAMES)
    shown = torch.from_numpy(ObjectCells(world, (32, 32), FRAMES).of("saw").ravel()).double()

    def covariance(one):
        cells = one.activations("2b", frames).permute(0, 2, 3, 1).flatten(0, 2)
        return (cells - cells.mean(0)).T @ (shown - shown.mean()) / len(cells)

    edit = rlv.erase_concept(agent, world, "2b", "saw", num_frames=65, strength=0.5, progress=False)
    torch.testing.assert_close(covariance(rlv.edited_agent(agent, edit)), covariance(agent) / 2, rtol=1e-6, atol=1e-12)


def test_what_cannot_be_erased_is_said(agent, world):
    with pytest.raises(ValueError, match=r"unknown layer '2bb'\. Did you mean '2b'"):
        rlv.erase_concept(agent, world, "2bb", "saw", progress=False)
    with pytest.raises(ValueError, match=r"unknown class of objects 'sow'\. Did you mean 'saw'"):
        rlv.erase_concept(agent, world, "2b", "sow", progress=False)
    with pytest.raises(ValueError, match=r"'lava' is at 0 of \d+ cells .* nothing to tell apart"):
        rlv.erase_concept(agent, world, "2b", "lava", num_frames=8, progress=False)
    flat = copy.deepcopy(agent.network)
    with torch.no_grad():
        flat.trunk.get_submodule("2b").weight.zero_()
    blind = Agent(flat, name="blind", action_names=NAMES)
    with pytest.raises(ValueError, match="no linear predictor can tell 'saw'"):
        rlv.erase_concept(blind, world, "2b", "saw", num_frames=8, progress=False)
    with pytest.raises(ValueError, match="num_frames"):
        rlv.erase_concept(agent, world, "2b", "saw", num_frames=1, progress=False)


@needs_procgen
@pytest.mark.slow
def test_a_difference_vector_is_of_frames_with_and_without_the_thing():
    agent, study = coinrun()
    steer = rlv.difference_vector(agent, study, "2b", "crate", num_pairs=4, strength=-1, progress=False)
    pairs = object_pairs(study, "crate", 4, 2, progress=False)
    apart = [
        edited.activations("2b", frames).mean((0, 2, 3))
        for edited, frames in (
            (rlv.edited_agent(agent, steer), pairs.shown),
            (agent, pairs.hidden),
        )
    ]
    torch.testing.assert_close(*apart, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="unknown class of objects 'crates'"):
        rlv.difference_vector(agent, study, "2b", "crates", progress=False)


# kept in a study


@pytest.fixture
def own(world):
    return world.copy()


def edits_of(study):
    first = rlv.Ablate.feature(study, "2b", 1)
    return [first, rlv.AblateChannels("2a", (1, 2), 0.5)]


def test_edits_are_kept_with_the_study_and_opened_with_it(own, tmp_path):
    rlv.keep_edits(own, "saw / blind", edits_of(own), note="the second try")
    rlv.keep_edits(own, "other", rlv.network_edits_to_json(edits_of(own)[1:]))
    schema.check(own)
    rlv.save_study(own, tmp_path / "study.zarr.zip")
    opened = rlv.open_study(tmp_path / "study.zarr.zip")
    assert rlv.kept_edits(opened) == {"other": tuple(edits_of(own)[1:]), "saw / blind": tuple(edits_of(own))}
    attrs = opened["edits"].children["saw %2F blind"].attrs
    assert attrs["note"] == "the second try"
    assert "removed from the kernel after 2b" in attrs["described"]


def test_kept_edits_are_replaced_and_removed_by_name(own):
    rlv.keep_edits(own, "mine", edits_of(own))
    rlv.keep_edits(own, "mine", edits_of(own)[:1])
    assert rlv.kept_edits(own) == {"mine": tuple(edits_of(own)[:1])}
    with pytest.raises(ValueError, match="Did you mean 'mine'"):
        rlv.remove_edits(own, "mina")
    rlv.remove_edits(own, "mine")
    assert rlv.kept_edits(own) == {}


def test_what_is_no_edit_of_this_study_is_not_kept(own):
    with pytest.raises(ValueError, match="the list of edits is empty"):
        rlv.keep_edits(own, "nothing", [])
    with pytest.raises(ValueError, match="name is a line of text"):
        rlv.keep_edits(own, "two\nlines", edits_of(own))
    foreign = rlv.Ablate("2b", [1.0], checkpoint="0123456789abcdef")
    with pytest.raises(ValueError, match=r"made for an agent with the weights 0123456789ab…, and this is a study of"):
        rlv.keep_edits(own, "foreign", foreign)
    rlv.keep_edits(own, "mine", edits_of(own))
    own["edits"].children["mine"].attrs.pop("edits")
    with pytest.raises(schema.SchemaError, match=r"attrs\['edits'\]: missing"):
        rlv.kept_edits(own)
