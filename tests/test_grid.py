"""The feature grid: what it asks for, what it is given, what a page of it carries."""

import json

import numpy as np
import pytest
import toy
import traitlets as t
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.analysis.patches import CHECKERBOARD, cut_patches, opacity
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.study import connect
from rlvision_widgets.widgets import FeatureGrid
from rlvision_widgets.widgets.answers.features import Frames
from rlvision_widgets.widgets.source import StudySource

GRID = {"layer": "2b", "feature": 1, "origin": "observations", "density": "1", "zoom": 4}
SIDES = {"1/4": 7, "1/2": 16, "1": 32, "2": 65}


@pytest.fixture(scope="module")
def source(study):
    return StudySource(study)


@pytest.mark.parametrize("density", SIDES)
@pytest.mark.parametrize("zoom", [1, 4, 8])
def test_a_grid_has_a_patch_for_each_place(source, density, zoom):
    result, arrays = source.answer("grid", {**GRID, "density": density, "zoom": zoom})
    side = SIDES[density]
    assert result["computed"] is True
    assert arrays["patch"].sizes["grid_y"] == arrays["patch"].sizes["grid_x"] == side
    assert arrays["strength"].shape == arrays["opacity"].shape == arrays["found_in"].shape == (side, side)
    assert result["patch_height"] == result["patch_width"] == 2 * zoom
    assert (arrays["opacity"].values[0] == 0).all(), "nothing activates the feature in the first row"


@pytest.mark.parametrize("origin", ["observations", "rollout"])
def test_a_patch_is_cut_from_its_frame_around_its_place(source, study, origin):
    _, arrays = source.answer("grid", {**GRID, "origin": origin, "zoom": 1})
    frames = study["observations/observation"] if origin == "observations" else study["observation"]
    frames = frames.values.reshape(-1, 64, 64, 3)
    for y, x in ((0, 0), (3, 20), (31, 31)):
        whole = frames[arrays["found_in"].values[y, x]]
        np.testing.assert_array_equal(arrays["patch"].values[y, x], whole[2 * y : 2 * y + 2, 2 * x : 2 * x + 2])


def test_beyond_the_frame_there_is_a_checkerboard():
    frames = np.full((1, 8, 8, 3), 7, np.uint8)
    patch = cut_patches(frames, np.zeros(1, int), row=[0], column=[0], layer_cells=(4, 4), cells=4)[0]
    assert (patch[3:, 3:] == 7).all()
    assert set(np.unique(patch[:3])) == set(CHECKERBOARD)
    assert (patch[0, :-1] != patch[0, 1:]).any(axis=-1).all()


def test_opacity_grows_with_strength_and_is_full_from_the_strongest_tenth_on():
    strength = np.append(np.zeros(20), np.linspace(0.1, 1, 80)).reshape(10, 10)
    found = opacity(strength)
    assert (found.ravel()[:20] == 0).all()
    assert (np.diff(found.ravel()[20:].astype(int)) >= 0).all()
    assert found.ravel()[20] >= 15
    assert (found[strength >= np.quantile(strength, 0.9)] == 255).all()
    assert (opacity(np.full((2, 2), np.nan)) == 0).all()


def test_neighbouring_frames_are_read_together(monkeypatch, study):
    reads = []
    original = xr.DataArray.__getitem__

    def counted(array, key):
        reads.append(key)
        return original(array, key)

    frames = Frames(study["observation"])
    monkeypatch.setattr(xr.DataArray, "__getitem__", counted)
    found = np.stack([frames[number] for number in range(60, 140)])
    assert len(reads) == 4, "chunks 0, 1 and 2 of the first trajectory, chunk 0 of the second"
    np.testing.assert_array_equal(found, study["observation"].values.reshape(-1, 64, 64, 3)[60:140])


def test_large_patches_are_shrunk_to_what_a_screen_shows(study):
    nodes = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    nodes["/"] = nodes["/"].isel(step=slice(2))
    for path in ("/", "/observations"):
        small = nodes[path]["observation"]
        wide = small.values.repeat(4, axis=-3).repeat(4, axis=-2)
        nodes[path] = nodes[path].drop_vars("observation").assign(observation=(small.dims, wide))
    shown = {path: nodes[path] for path in ("/", "/observations", "/layers/2b", "/layers/2b/grids/observations/2")}
    result, arrays = StudySource(xr.DataTree.from_dict(shown)).answer("grid", {**GRID, "density": "2", "zoom": 8})
    assert result["shrunk"] == 4
    assert 65 * arrays["patch"].sizes["patch_height"] <= 1300
    whole = arrays["patch"].values[30, 30].astype(int)
    _, small = StudySource(study).answer("grid", {**GRID, "density": "2", "zoom": 8})
    assert np.abs(whole - small["patch"].values[30, 30]).mean() < 20, "the same picture, at another size"


def test_numbers_say_what_they_are_based_on(source):
    result, arrays = source.answer("feature", {"layer": "2b", "feature": 0})
    assert result["num_observations"] == 24
    assert result["one_hot"] == pytest.approx(0.5)
    assert result["effective_channels"] == pytest.approx(2)
    assert result["shares"][0]["output"] == "value"
    assert result["shares"][0]["num_steps"] == 3 * 130
    assert result["stability"] is None
    assert arrays["histogram"].sum() + result["inactive"] == 100_000
    assert arrays["band_patch"].dims == ("band", "rank", "patch_height", "patch_width", "rgb")
    json.dumps(result, allow_nan=False)


def test_shares_of_all_features_and_the_residual_make_one(source):
    found = [source.answer("feature", {"layer": "2b", "feature": k})[0]["shares"][0] for k in range(4)]
    for way in ("raised", "lowered"):
        assert 0.5 < sum(share[way] for share in found) < 1, "the rest is the residual's"


def test_a_feature_that_is_never_active_is_no_error(source):
    result, arrays = source.answer("feature", {"layer": "2b", "feature": 3})
    assert result["half_mass_radius"] is None
    assert result["band_from"] == [None] * 4
    assert "band_patch" not in arrays
    json.dumps(result, allow_nan=False)


def test_stability_is_the_feature_s_own_where_it_was_measured(study):
    mine = study.copy(deep=True)
    mine["layers/2b"].attrs["seed_stability"] = 0.5
    assert StudySource(mine).answer("feature", {"layer": "2b", "feature": 2})[0]["stability"] == 0.5
    mine["layers/2b"]["stability"] = xr.DataArray([0.1, 0.2, 0.75, np.nan], dims="feature")
    assert StudySource(mine).answer("feature", {"layer": "2b", "feature": 2})[0]["stability"] == 0.75
    assert StudySource(mine).answer("feature", {"layer": "2b", "feature": 3})[0]["stability"] is None


def test_whole_frames_come_by_number(source, study):
    _, arrays = source.answer("sample", {"origin": "rollout", "number": 130 + 7})
    np.testing.assert_array_equal(arrays["frame"].values, study["observation"].values[1, 7])
    _, arrays = source.answer("sample", {"origin": "observations", "number": 5})
    np.testing.assert_array_equal(arrays["frame"].values, study["observations/observation"].values[5])


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("grid", {**GRID, "feature": 4}, "feature 4 is out of range; layer '2b' has 4 features"),
        ("grid", {**GRID, "zoom": 3}, "unknown zoom '3'"),
        ("grid", {**GRID, "density": "1/3"}, "density must be one of"),
        ("grid", {**GRID, "origin": "rolout"}, "origin must be one of"),
        ("feature", {"layer": "2b", "feature": -1}, "out of range"),
        ("sample", {"origin": "observations", "number": 24}, "out of range; there are 24"),
    ],
)
def test_wrong_requests_say_what_is_right(source, method, params, message):
    with pytest.raises(ValueError, match=message):
        source.answer(method, params)


def test_a_study_without_grids_or_observations_is_no_error(study):
    bare = study.copy()
    layer = bare["layers/2b"]
    del layer["grids"], layer["activity"]
    source = StudySource(bare)
    assert source.answer("grid", GRID) == ({"computed": False}, {})
    result, arrays = source.answer("feature", {"layer": "2b", "feature": 0})
    assert result["surveyed"] is False
    assert set(arrays) == {"direction"}
    without = study.copy()
    del without["observations"]
    assert StudySource(without).answer("grid", GRID) == ({"computed": False}, {})
    assert "band_patch" not in StudySource(without).answer("feature", {"layer": "2b", "feature": 0})[1]
    with pytest.raises(ValueError, match="no node /observations"):
        StudySource(without).answer("sample", {"origin": "observations", "number": 0})
    view = FeatureGrid(bare)
    assert view._repr_mimebundle_()[0].keys() >= {"application/vnd.jupyter.widget-view+json"}


def test_an_agent_adds_what_an_older_study_lacks(agent):
    study = toy.built_study(agent)
    expected = study["layers/2b/grids/observations/1"].to_dataset()
    layer = study["layers/2b"]
    del layer["grids"], layer["activity"]
    connection = connect(agent, study)
    view = FeatureGrid(study, connection=connection, layer="2b")
    sent = []
    view._servers[0]._send = lambda content, buffers: sent.append(content)
    view._receive({"kind": "rlv-request", "id": "1", "method": "survey", "params": {"layer": "2b"}})
    view.join(60)
    assert sent[-1] == {"kind": "rlv-reply", "id": "1", "result": {"arrays": []}}
    assert {message["stage"] for message in sent[:-1]} >= {"examples", "grids"}
    xr.testing.assert_identical(study["layers/2b/grids/observations/1"].to_dataset(), expected)
    schema.check(study)
    with pytest.raises(ValueError, match="layer with features"):
        connection.survey("4a")


def test_grids_are_saved_with_the_study(study, tmp_path):
    save_study(study, tmp_path / "toy.zarr")
    source = StudySource(open_study(tmp_path / "toy.zarr"))
    for asked in (GRID, {**GRID, "origin": "rollout"}):
        for name, array in source.answer("grid", asked)[1].items():
            xr.testing.assert_identical(array, StudySource(study).answer("grid", asked)[1][name])


def test_traits_refuse_what_is_out_of_range(study):
    view = FeatureGrid(study, feature=2, zoom=8, density="1/2")
    assert (view.layer, view.feature, view.zoom, view.density, view.origin) == ("2b", 2, 8, "1/2", "observations")
    with pytest.raises(t.TraitError, match="feature must be from 0 to 3"):
        view.feature = 4
    with pytest.raises(t.TraitError, match="zoom must be one of 1, 2, 4, 8"):
        view.zoom = 5
    with pytest.raises(t.TraitError, match="Did you mean 'rollout'"):
        view.origin = "rolout"
    with pytest.raises(t.TraitError, match="step must be from 0 to 129"):
        view.step = 130
    with pytest.raises(TypeError, match="Did you mean 'density'"):
        FeatureGrid(study, densty="1")
    assert view.state() == {"feature": 2, "zoom": 8, "density": "1/2"}
    assert FeatureGrid(study, state=view.state()).zoom == 8


def test_a_study_without_layers_can_be_opened(study):
    bare = study.copy()
    del bare["layers"]
    view = FeatureGrid(bare)
    assert (view.layer, view.feature) == ("", 0)
    assert view.picture() is None


def test_the_picture_is_the_grid_on_white(study, source):
    view = FeatureGrid(study, feature=1)
    _, arrays = source.answer("grid", GRID)
    picture = view.picture()
    assert picture.shape == (256, 256, 3)
    assert (picture[:8] == 255).all(), "nothing activates the feature in the first row"
    strongest = np.unravel_index(arrays["opacity"].values.argmax(), (32, 32))
    y, x = (8 * place for place in strongest)
    np.testing.assert_array_equal(picture[y : y + 8, x : x + 8], arrays["patch"].values[strongest])
    view.zoom, view.opaque = 1, True
    np.testing.assert_array_equal(
        view.picture()[:2, :2], source.answer("grid", {**GRID, "zoom": 1})[1]["patch"].values[0, 0]
    )
    assert "image/png" in view._repr_mimebundle_()[0]


def test_a_page_carries_grids_and_numbers_of_every_feature(study, tmp_path):
    view = FeatureGrid(study, zoom=8, density="2")
    save_snapshot(view, tmp_path / "grid.html", progress=False)
    text = (tmp_path / "grid.html").read_text()
    assert text.count('data-rlv-reply="grid{') == 4 * 2 * 3
    assert text.count('data-rlv-reply="feature{') == 4
    assert '"zoom":4' in text
    save_snapshot(view, tmp_path / "again.html", progress=False)
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "grid.html").read_bytes()
