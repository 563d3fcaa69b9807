"""What a feature responds to, on activations whose meaning was planted."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toy import open_world, toy_study

from rlvision_widgets.analysis import selectivity
from rlvision_widgets.analysis.cells import ObjectCells, middle_pixels
from rlvision_widgets.analysis.selectivity import auroc, object_selectivity

OPTIONS = {"num_permutations": 200, "block": 8, "reach": 0}


@pytest.fixture(scope="module")
def study():
    return open_world(toy_study())


def planted(study, maps):
    """Return the study with attribution that is `maps`, (trajectory * step, y, x, feature), from 0 to 1."""
    tree = study.copy(deep=True)
    output = tree["layers/2b/outputs/value"].dataset
    output["attribution"].values[...] = (100 * maps).astype(np.int8).reshape(output["attribution"].shape)
    output["num_points"].values[...] = 16
    output["scale"].values[...] = 1.0
    return tree


@pytest.fixture(scope="module")
def told_apart(study):
    """Four features: fires at saws; at random; always in one corner; never."""
    rng = np.random.default_rng(0)
    saws = ObjectCells(study, (32, 32), moving=()).of("saw")
    maps = np.zeros((*saws.shape, study["layers/2b"].sizes["feature"]))
    maps[..., 0] = saws * rng.uniform(0.5, 1, saws.shape)
    maps[..., 1] = rng.random(saws.shape)
    maps[:, 20:, :10, 2] = rng.uniform(0.5, 1, (len(saws), 12, 10))
    with pytest.warns(UserWarning, match="features that are 0 in all"):
        return object_selectivity(planted(study, maps), "2b", moving=(), **OPTIONS)


def test_a_feature_of_an_object_is_told_from_background_and_from_one_of_a_place(told_apart):
    saw = told_apart.sel(object_class="saw")
    assert saw["auroc"].values[0] == 1.0
    assert saw["z"].values[0] > 4
    assert bool(told_apart["interpretable"][0])
    assert told_apart["best_class"].values[0] == "saw"
    assert int(saw["best_feature"]) == 0
    assert saw["lift"].values[0] > 10
    for feature in (1, 2):
        assert abs(saw["auroc"].values[feature] - 0.5) < 0.06
        assert not told_apart["interpretable"][feature]


def test_chance_is_half(told_apart):
    random = told_apart.isel(feature=1)
    assert np.abs(random["null_mean"] - 0.5).max() < 0.02
    assert np.abs(random["z"]).max() < 4.5
    assert float(random["best_null"]) > 0.5  # the best of several classes


def test_a_feature_that_never_fires_is_named_and_knows_nothing(told_apart):
    silent = told_apart.attrs["silent"]
    assert 3 in silent
    one = told_apart.isel(feature=3)
    assert np.allclose(one["auroc"], 0.5)
    assert (one["z"] == 0).all()
    assert float(one["active"]) == 0
    assert not told_apart["auroc"].isnull().any()


def test_the_area_is_the_weighted_mean_of_those_of_places(study):
    rng = np.random.default_rng(1)
    saws = ObjectCells(study, (32, 32), moving=()).of("saw")
    maps = np.round(rng.random((*saws.shape, study["layers/2b"].sizes["feature"])), 2)  # with ties
    maps[..., 0] = np.round(np.clip(maps[..., 0] + 0.3 * saws, 0, 1), 2)
    found = object_selectivity(planted(study, maps), "2b", classes=["saw"], moving=(), **{**OPTIONS, "block": 1})
    frames, _ = selectivity.passages(study, 2048, 1)
    shown = saws[frames].reshape(len(frames), -1)
    values = (100 * maps).astype(np.int8)[frames].reshape(*shown.shape, -1)
    counts = shown.sum(0)
    places = [p for p in range(shown.shape[1]) if 3 <= counts[p] <= len(frames) - 3]
    for feature in (0, 1):
        areas = [roc_auc_score(shown[:, p], values[:, p, feature]) for p in places]
        expected = np.average(areas, weights=counts[places])
        assert found["auroc"].values[feature, 0] == pytest.approx(expected, abs=1e-9)


def test_the_order_of_frames_does_not_matter(study):
    rng = np.random.default_rng(2)
    shown = rng.random((64, 30)) < 0.2
    signal = rng.random((64, 1, 5, 6)) + shown.reshape(64, 1, 5, 6)
    order = rng.permutation(64)

    def area(places, frames):
        question = selectivity._question("it", places[frames])
        (ranks,) = selectivity._ranks(signal[frames])
        return np.trace(selectivity._by_blocks(ranks, question, 1))

    assert area(shown, np.arange(64)) == pytest.approx(area(shown, order), abs=1e-12)


def test_auroc_by_hand():
    assert auroc(np.array([1.0, 2, 3, 4]), np.array([False, True, False, True])) == 0.75
    assert auroc(np.array([1.0, 1]), np.array([True, False])) == 0.5
    assert np.isnan(auroc(np.ones(3), np.ones(3, bool)))


def test_a_direction_of_movement_is_a_class(study):
    tree = study.copy(deep=True)
    world = tree["world"]
    cells = ObjectCells(tree, (64, 64), moving=("saw",))
    left, right, both = (cells.of(name) for name in ("saw moving left", "saw moving right", "saw"))
    assert not (left & right).any()
    assert ((left | right) <= both).all()
    world["vx"][...] = -0.1
    moved = ObjectCells(tree, (64, 64), moving=("saw",))
    assert np.array_equal(moved.of("saw moving left"), both)
    assert not moved.of("saw moving right").any()


def test_middle_pixels():
    assert middle_pixels(2, 4).tolist() == [[0, 1], [2, 3]]
    assert middle_pixels(3, 3).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert middle_pixels(1, 3).tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["lava"]}, "'lava' is at no place"),
        ({"classes": ["sow"]}, "Did you mean 'saw'"),
        ({"layer": "3a"}, "unknown layer '3a'"),
        ({"output": "values"}, "Did you mean 'value'"),
        ({"block": 300, "num_frames": 20}, "four or more blocks"),
        ({"reach": -1}, "reach must be from 0"),
    ],
)
def test_what_cannot_be_measured_is_said(study, options, message):
    tree = planted(study, np.zeros((3 * 130, 32, 32, study["layers/2b"].sizes["feature"])))
    with pytest.raises(ValueError, match=message):
        object_selectivity(tree, options.pop("layer", "2b"), **{"moving": (), **options})


def test_attribution_that_is_not_there_is_said(study):
    tree = planted(study, np.zeros((3 * 130, 32, 32, study["layers/2b"].sizes["feature"])))
    tree["layers/2b/outputs/value"]["num_points"][0, :10] = 0
    with pytest.raises(ValueError, match="have no attribution of 'value' yet"):
        object_selectivity(tree, "2b", moving=())
