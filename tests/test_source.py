"""What a view gets when it asks."""

import json
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets.schema import SchemaError
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.widgets.answers import rollout
from rlvision_widgets.widgets.answers.attribution import residual_share, robust_axis
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.wire import encode

VALUE = {"trajectory": 1, "layer": "2b", "output": "value"}


class Offers:
    """A connected agent of which only the offers are looked at."""

    layers = (
        {"name": "1a", "channels": 4, "height": 64, "width": 64},
        {"name": "2b", "channels": 8, "height": 32, "width": 32},
    )
    outputs = ("value", "RIGHT", "difference:RIGHT,LEFT")


@pytest.fixture(scope="module")
def source(study):
    return StudySource(study)


def test_chunks_of_observations_join_to_the_trajectory(study, source):
    chunks = [source.answer("observations", {"trajectory": 2, "chunk": c})[1]["observation"] for c in range(3)]
    assert [chunk.sizes["step"] for chunk in chunks] == [64, 64, 2]
    joined = np.concatenate([chunk.transpose("step", "height", "width", "rgb").values for chunk in chunks])
    np.testing.assert_array_equal(joined, study["observation"].values[2])


def test_chunks_of_attribution_join_to_the_trajectory_whatever_their_axis_order(study, source):
    stored = study["layers/2b/outputs/value"].dataset.isel(trajectory=1)
    for name in ("attribution", "residual", "scale", "num_points"):
        parts = []
        for chunk in range(3):
            flags, arrays = source.answer("attribution", {**VALUE, "chunk": chunk})
            assert flags == {"computed": True, "complete": True}
            parts.append(arrays[name].transpose(*stored[name].dims))
        np.testing.assert_array_equal(xr.Variable.concat(parts, "step").values, stored[name].values)


def test_curves_are_the_rollout_s_and_leave_out_what_an_agent_lacks(study, source):
    arrays = source.answer("curves", {"trajectory": 0})[1]
    assert set(arrays) == {"value", "advantage", "reward", "policy_logits", "action", "first"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(array.values, study[name].values[0])
    without = StudySource(xr.DataTree(study.to_dataset().drop_vars(["value", "advantage", "final_value"])))
    assert set(without.answer("curves", {"trajectory": 0})[1]) == {"reward", "policy_logits", "action", "first"}
    assert without.describe()["bookmarks"] == []


def test_totals_are_the_float_sums_with_what_all_trajectories_share(study, source):
    flags, arrays = source.answer("totals", VALUE)
    stored = study["layers/2b/outputs/value"].dataset
    np.testing.assert_array_equal(arrays["total"].values, stored["total"].values[1])
    assert flags["computed"] is True
    assert flags["display_scale"] == stored.attrs["display_scale"]
    other = source.answer("totals", {**VALUE, "trajectory": 0})[0]
    assert {**flags, "trajectory_scale": 0} == {**other, "trajectory_scale": 0}
    assert flags["axis"]["low"] < 0 < flags["axis"]["high"]


def test_limits_are_what_one_step_in_a_hundred_of_the_study_exceeds(study, source):
    flags, arrays = source.answer("totals", VALUE)
    stored = study["layers/2b/outputs/value"].dataset
    error, limits = np.abs(stored["completeness_error"].values), flags["limits"]
    assert (error > limits["completeness_error"]).mean() == pytest.approx(0.01, abs=0.005)
    residual, total = np.abs(stored["residual_total"].values), np.abs(stored["total"].values).sum(-1)
    share = residual / (residual + total)
    np.testing.assert_allclose(arrays["residual_share"].values, share[1], rtol=1e-5)
    assert arrays["residual_share"].dtype == np.float32
    assert (share > limits["residual_share"]).mean() == pytest.approx(0.01, abs=0.005)


def test_the_scale_of_a_trajectory_is_the_median_of_its_largest(study, source):
    stored = study["layers/2b/outputs/value"].dataset
    for trajectory in range(3):
        flags = source.answer("totals", {**VALUE, "trajectory": trajectory})[0]
        assert flags["trajectory_scale"] == pytest.approx(np.median(127 * stored["scale"].values[trajectory]), rel=1e-6)
    faint = toy.toy_study()
    scale = faint["layers/2b/outputs/value"]["scale"].values
    scale[0], scale[0, 3], scale[1] = 0, 2, 0
    scales = [StudySource(faint).answer("totals", {**VALUE, "trajectory": i})[0]["trajectory_scale"] for i in (0, 1)]
    assert scales == [254, 1], "mostly nothing: the largest; nothing at all: 1"


def test_the_residual_share_is_a_share():
    total, residual = np.array([[3.0, -1], [0, 0], [0, 0], [np.nan, 1]]), np.array([-4.0, 2, 0, 1])
    np.testing.assert_array_equal(residual_share(total, residual), np.float32([0.5, 1, 0, np.nan]))


def test_attribution_that_is_not_a_number_breaks_neither_scales_nor_json():
    study = toy.toy_study()
    node = study["layers/2b/outputs/value"]
    sound = StudySource(study.copy(deep=True)).answer("totals", VALUE)[0]
    for name in ("total", "residual_total", "scale", "completeness_error"):
        node[name].values[1, 3] = np.nan
    node.attrs["display_scale"] = float("nan")
    source = StudySource(study)
    flags, arrays = source.answer("totals", VALUE)
    json.dumps(flags, allow_nan=False)
    assert flags["computed"], "there is nothing more to compute"
    assert flags["display_scale"] == 1
    assert flags["axis"] == pytest.approx(sound["axis"], rel=0.05)
    assert flags["limits"] == pytest.approx(sound["limits"], rel=0.3)
    assert np.flatnonzero(np.isnan(arrays["residual_share"].values)).tolist() == [3]
    flags, arrays = source.answer("attribution", {**VALUE, "chunk": 0})
    assert flags == {"computed": True, "complete": True}
    assert arrays["num_points"].dtype == np.int32
    assert arrays["num_points"].values[3] > 0, "a step that is not a number is not computed again"
    json.dumps(source.describe(), allow_nan=False)
    node["total"].values[:], node["completeness_error"].values[:] = np.nan, np.nan
    flags = StudySource(study).answer("totals", VALUE)[0]
    assert flags["limits"] == {"completeness_error": None, "residual_share": None}
    assert flags["axis"] == {"low": 0.0, "high": 0.0}


def test_the_axis_ignores_rare_giants_but_not_by_more_than_five_times():
    bars = np.zeros((100, 2))
    bars[:, 0], bars[:, 1] = 1.0, -2.0
    bars[0, 0] = 3.0
    assert robust_axis(bars) == {"low": -2.0, "high": 1.0}
    bars[0, 0] = 50.0
    assert robust_axis(bars) == {"low": -2.0, "high": 10.0}
    assert robust_axis(-np.ones((4, 1))) == {"low": -1.0, "high": 0.0}
    assert robust_axis(np.zeros((0, 3))) == {"low": 0.0, "high": 0.0}


@pytest.mark.parametrize(
    ("num_steps", "columns"), [(1000, 2000), (1024, 2048), (1025, 1025), (4096, 4096), (5000, 4096)]
)
def test_the_strip_takes_two_columns_a_step_then_one_then_samples(study, num_steps, columns):
    long = study.to_dataset().isel(trajectory=[0], step=np.arange(num_steps) % 130)
    strip = StudySource(xr.DataTree(long)).answer("strip", {"trajectory": 0})[1]["strip"]
    assert strip.dims == ("height", "column", "rgb")
    assert strip.shape == (64, columns, 3)
    last = long["observation"].values[0, num_steps - 1 if num_steps <= 4096 else 4095 * 5000 // 4096]
    column = 43 if num_steps <= 1024 else 42
    np.testing.assert_array_equal(strip.values[:, -1], last[:, column])


def test_a_part_of_the_strip_leaves_no_step_out(study):
    long = study.to_dataset().isel(trajectory=[0], step=np.arange(3000) % 130)
    source = StudySource(xr.DataTree(long))
    for part, count in ((0, 1024), (2, 3000 - 2048)):
        strip = source.answer("strip_part", {"trajectory": 0, "part": part})[1]["strip"].values
        frames = long["observation"].values[0, 1024 * part : 1024 * part + count, :, 42:44]
        np.testing.assert_array_equal(strip, np.moveaxis(frames, 0, 1).reshape(64, 2 * count, 3))
    with pytest.raises(ValueError, match="part must be from 0 to 2, got 3"):
        source.answer("strip_part", {"trajectory": 0, "part": 3})
    browser = (Path(__file__).parents[1] / "js/core/wants.ts").read_text(encoding="utf-8")
    assert f"STRIP_PART = {rollout.STRIP_PART};" in browser


def test_the_preview_spreads_at_most_512_keyframes_over_all_steps(study):
    long = study.to_dataset()[["observation", *study.data_vars]].isel(trajectory=[0], step=np.arange(3000) % 130)
    arrays = StudySource(xr.DataTree(long)).answer("preview", {"trajectory": 0})[1]
    steps = arrays["keyframe_step"].values
    np.testing.assert_array_equal(steps, np.arange(0, 3000, 64))
    np.testing.assert_array_equal(arrays["observation"].values, long["observation"].values[0, steps])


def test_thumbnails_lie_as_on_screen_and_the_strongest_patch_is_opaque(study, source):
    thumbnail = source.answer("examples", {"layer": "2b"})[1]["thumbnail"]
    examples = study["layers/2b/examples"].dataset
    side = examples.sizes["patch_height"]
    assert thumbnail.shape == (examples.sizes["feature"], 4 * side, 4 * side, 4)
    for feature in range(examples.sizes["feature"]):
        row, column = examples["row"].values[feature], examples["column"].values[feature]
        by_row = np.argsort(row, kind="stable").reshape(4, 4)
        expected = np.take_along_axis(by_row, np.argsort(column[by_row], kind="stable"), axis=1)
        for line, place in np.ndindex(4, 4):
            cell = thumbnail.values[feature, line * side :, place * side :][:side, :side]
            rank = expected[line, place]
            np.testing.assert_array_equal(cell[..., :3], examples["patch"].values[feature, rank])
            share = examples["strength"].values[feature, rank] / examples["strength"].values[feature].max()
            assert cell[0, 0, 3] == pytest.approx(15 + 240 * share, abs=1)


def test_what_is_not_computed_is_no_error_and_has_no_arrays(study):
    source = StudySource(study, Offers())
    for layer, output in (("1a", "value"), ("2b", "RIGHT")):
        where = {"trajectory": 0, "layer": layer, "output": output}
        assert source.answer("attribution", {**where, "chunk": 0}) == ({"computed": False}, {})
        assert source.answer("totals", where) == ({"computed": False}, {})
    assert source.answer("examples", {"layer": "1a"}) == ({"computed": False}, {})


def test_a_half_computed_chunk_has_the_steps_that_are_computed_and_says_which():
    study = toy.toy_study()
    toy.forget(study["layers/2b/outputs/value"], trajectory=0, step=slice(70, None))
    source = StudySource(study)
    where = {**VALUE, "trajectory": 0}
    assert source.answer("attribution", {**where, "chunk": 0})[0] == {"computed": True, "complete": True}
    flags, arrays = source.answer("attribution", {**where, "chunk": 1})
    assert flags == {"computed": True, "complete": False}
    np.testing.assert_array_equal(arrays["num_points"].values > 0, np.arange(64, 128) < 70)
    assert [source.is_computed(0, "2b", "value", chunk) for chunk in range(3)] == [True, False, False]
    assert source.answer("attribution", {**where, "chunk": 2}) == ({"computed": False}, {})
    assert source.answer("totals", where)[0]["computed"] is False
    assert source.describe()["layers"][0]["outputs"] == [{"name": "value", "complete": False, "tolerance": 0.1}]


def test_the_description_is_json_and_holds_the_study(study, source):
    described = json.loads(json.dumps(source.describe(), allow_nan=False))
    assert [t["num_steps"] for t in described["trajectories"]] == [130, 130, 130]
    for trajectory, found in enumerate(described["trajectories"]):
        episodes = source.episodes(trajectory)
        starts = found["episodes"]["start"]
        np.testing.assert_array_equal(starts, np.flatnonzero(study["first"].values[trajectory]))
        assert [e["stop"] for e in episodes] == [*starts[1:], 130]
        rewards = study["reward"].values[trajectory]
        assert [e["return"] for e in episodes] == [rewards[e["start"] : e["stop"]].sum() for e in episodes]
        assert {e["outcome"] for e in episodes} <= {"completed", "failed", "unfinished"}
    layer = described["layers"][0]
    assert (layer["name"], layer["channels"], layer["height"], layer["width"]) == ("2b", 8, 32, 32)
    assert [feature["name"] for feature in layer["features"]] == ["coin", "saw", "enemy", "platform"]
    assert layer["quality"]["residual_share"] == 0.07
    assert described["outputs"] == [{"name": "value", "label": "value"}]
    assert described["value_scale"] == 10.0


def long_study(study, num_steps=100_000, length=60):
    """Eight trajectories of random short episodes; no frame of it takes memory."""
    rng = np.random.default_rng(0)
    shape = 8, num_steps
    first = rng.random(shape) < 1 / length
    first[:, 0] = True
    fresh = {
        "first": first,
        "completed": rng.random(shape) < 0.01,
        "reward": 10 * (rng.random(shape) < 0.01).astype(np.float32),
        "advantage": rng.normal(size=shape).astype(np.float32),
        "level_seed": rng.integers(0, 2**31 - 1, shape, dtype=np.int32),
    }
    variables = {}
    for name, variable in study.to_dataset().variables.items():
        one = variable.values[:1, :1] if variable.dims[:2] == ("trajectory", "step") else variable.values[:1]
        size = (*shape, *one.shape[2:]) if one.ndim > 1 else (8,)
        variables[name] = variable.dims, fresh.get(name, np.broadcast_to(one, size))
    coords = {name: variables.pop(name) for name in ("episode", "level_seed")}
    return xr.DataTree(xr.Dataset(variables, coords, study.attrs))


def test_the_state_of_eight_long_trajectories_stays_below_a_megabyte(study):
    started = time.perf_counter()
    source = StudySource(long_study(study))
    took = time.perf_counter() - started
    described = json.dumps(source.describe(), allow_nan=False, separators=(",", ":"))
    episodes = sum(len(source.episodes(trajectory)) for trajectory in range(8))
    assert episodes > 12_000
    assert len(described) < 500_000
    assert took < 20


def test_a_connection_adds_its_layers_and_outputs_in_the_network_s_order(study):
    described = StudySource(study, Offers()).describe()
    assert [(layer["name"], len(layer["features"])) for layer in described["layers"]] == [("1a", 0), ("2b", 4)]
    labels = {output["name"]: output["label"] for output in described["outputs"]}
    assert labels == {
        "value": "value",
        "RIGHT": "logit of RIGHT",
        "difference:RIGHT,LEFT": "RIGHT minus LEFT",
    }


def test_an_unknown_value_scale_is_null():
    study = toy.toy_study()
    study.attrs["value_scale"] = float("nan")
    assert StudySource(study).describe()["value_scale"] is None


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("curve", {"trajectory": 0}, "unknown request 'curve'. Did you mean 'curves'"),
        ("__init__", {}, "unknown request"),
        ("curves", {}, "the parameter 'trajectory' is missing"),
        ("curves", {"trajectory": 0, "chunks": 1}, "unknown parameter 'chunks'"),
        ("curves", {"trajectory": 3}, "trajectory 3 is out of range; there are 3, from 0"),
        ("curves", {"trajectory": -1}, "out of range"),
        ("curves", {"trajectory": True}, "trajectory must be int, got True"),
        ("curves", {"trajectory": "0"}, "trajectory must be int"),
        ("curves", [0], "expected parameters by name"),
        ("observations", {"trajectory": 0, "chunk": 3}, "chunk 3 is out of range; there are 3"),
        ("attribution", {**VALUE, "layer": "2c", "chunk": 0}, "unknown layer '2c'. Did you mean '2b'"),
        ("compute", {**VALUE, "step": 130}, "step 130 is out of range"),
        ("compute", {**VALUE, "step": 0}, "needs a view with an agent"),
    ],
)
def test_each_wrong_request_is_refused_with_its_reason(source, method, params, message):
    with pytest.raises(ValueError, match="^.*" + message.replace("(", r"\(")):
        source.answer(method, params)


def test_a_study_on_disk_answers_alike_and_reads_only_what_is_asked(study, tmp_path, monkeypatch):
    save_study(study, tmp_path / "toy.zarr")
    stored = StudySource(open_study(tmp_path / "toy.zarr"))
    live = StudySource(study)
    assert stored.describe() == live.describe()
    asked = [("attribution", {**VALUE, "chunk": 1}), ("observations", {"trajectory": 0, "chunk": 2}), ("totals", VALUE)]
    for method, params in [*asked, ("strip", {"trajectory": 1}), ("examples", {"layer": "2b"})]:
        (flags, arrays), (expected, reference) = (s.answer(method, params) for s in (stored, live))
        assert flags == expected
        for name in reference:
            np.testing.assert_array_equal(arrays[name].values, reference[name].values)
    frames = stored.study.dataset.variables["observation"]
    assert not frames._in_memory, "a chunk was asked for, and the whole array was loaded"


def test_a_tree_that_is_no_study_is_refused_with_all_differences(study):
    rollout = study.to_dataset().drop_vars("first")
    with pytest.raises(SchemaError, match="is it a study") as error:
        StudySource(xr.DataTree(rollout.assign(reward=rollout["reward"].astype("float64"))))
    assert "first: missing" in str(error.value)
    assert "reward: dtype float64" in str(error.value)
    with pytest.raises(ValueError, match="empty"):
        StudySource(xr.DataTree(study.to_dataset().isel(step=slice(0))))
    with pytest.raises(TypeError, match="expected a study"):
        StudySource(study.to_dataset())


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "float32", "bool", ">i4"])
def test_encoded_arrays_decode_to_themselves(dtype):
    values = (np.arange(24).reshape(2, 3, 4) % 2).astype(dtype)
    variable = xr.Variable(("a", "b", "c"), values).transpose("c", "a", "b")
    (spec,), (buffer,) = encode({"x": variable}, "zlib", zlib.compress)
    assert spec["name"] == "x"
    assert spec["dims"] == ["c", "a", "b"]
    decoded = np.frombuffer(zlib.decompress(buffer), np.dtype(spec["dtype"]).newbyteorder("<")).reshape(spec["shape"])
    np.testing.assert_array_equal(decoded, variable.values.astype(spec["dtype"]))


def test_a_dtype_that_javascript_lacks_is_refused():
    with pytest.raises(TypeError, match="float64 does not travel"):
        encode({"x": xr.Variable("a", np.zeros(3))}, "zlib", zlib.compress)
