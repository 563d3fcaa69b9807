import logging
import threading

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from test_environments import needs_procgen, run_python
from test_reentry import recorded, without_states
from toy import ToyEnvironment, built_study, toy_agent, toy_study

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.analysis import world as world_module
from rlvision_widgets.analysis.progress import Cancelled
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.analysis.world import look, open_world
from rlvision_widgets.environments import make_environment

pytestmark = needs_procgen
STEPS = 70


def rollout_of(game, **options):
    with make_environment(game, num_trajectories=2, seed=5, **options) as environment:
        return recorded(environment, STEPS, every=64)[0]


@pytest.fixture(scope="module")
def plain():
    return rollout_of("coinrun", paint_vel_info=True)


@pytest.fixture(scope="module")
def known(plain):
    study = plain.copy()
    rlv.add_world(study, progress=False)
    return study


@pytest.fixture
def counted(plain, monkeypatch):
    """The frames that were looked at."""
    looked, state = [], type(world_of(plain)).state

    def count(self, trajectory, step):
        looked.append((trajectory, step))
        return state(self, trajectory, step)

    monkeypatch.setattr(type(world_of(plain)), "state", count)
    return looked


def test_the_world_of_a_study_follows_the_schema_and_is_saved_with_it(known, tmp_path):
    schema.check(known)
    schema.check(known["world"], schema.WORLD)
    rlv.save_study(known, tmp_path / "study.zarr.zip")
    opened = rlv.open_study(tmp_path / "study.zarr.zip")
    xr.testing.assert_identical(opened["world"].to_dataset().load(), known["world"].to_dataset())
    pd.testing.assert_frame_equal(rlv.objects(opened), rlv.objects(known))
    opened.close()


def test_a_saved_world_is_read_without_procgen_and_torch(known, tmp_path):
    rlv.save_study(known, tmp_path / "study.zarr")
    told = run_python(
        "import sys; import rlvision_widgets as rlv;"
        f"study = rlv.open_study({str(tmp_path / 'study.zarr')!r});"
        "masks = rlv.masks(study); table = rlv.objects(study, 1, slice(3, 9));"
        "print(int(masks[1, 3:9].values.astype(int).sum()), table['visible_pixels'].sum(), 'torch' in sys.modules)",
        RLVISION_PROCGEN=str(tmp_path),
    )
    masks, table = rlv.masks(known)[1, 3:9].values, rlv.objects(known, 1, slice(3, 9))
    assert told.split() == [str(masks.astype(int).sum()), str(table["visible_pixels"].sum()), "False"]


def test_masks_computed_when_read_are_those_that_are_stored(plain, known):
    lazy, stored = rlv.masks(plain), rlv.masks(known)
    assert lazy.dims == stored.dims == ("trajectory", "step", "height", "width")
    assert lazy.dtype == stored.dtype == np.uint8
    assert lazy.attrs == stored.attrs
    assert lazy.attrs["classes"][:2] == ["background", "wall"]
    np.testing.assert_array_equal(lazy, stored)


KEYS = {
    "a number": (1, 5),
    "slices": (slice(None), slice(60, 3, -7), slice(10, 20), slice(None, None, 9)),
    "a list": (0, [5, 3, 5], 63),
    "two lists": ([1, 0], [2, 9, 4], [0, 40], slice(5)),
    "a mask": (0, np.arange(STEPS) % 30 == 1),
    "nothing": (0, slice(5, 5)),
    "the last": (-1, -1, -1, -1),
}


@pytest.mark.parametrize("key", KEYS)
def test_lazy_masks_are_indexed_like_any_array(plain, known, key):
    lazy, stored = rlv.masks(plain)[KEYS[key]], rlv.masks(known)[KEYS[key]]
    assert lazy.shape == stored.shape
    np.testing.assert_array_equal(lazy.values, stored.values)


def test_lazy_masks_are_indexed_pointwise_too(plain, known):
    places = {name: xr.DataArray(index, dims="moment") for name, index in (("trajectory", [1, 0]), ("step", [3, 60]))}
    np.testing.assert_array_equal(rlv.masks(plain).isel(places), rlv.masks(known).isel(places))


def test_lazy_masks_are_copied_and_saved_like_any_array(plain, known, tmp_path):
    lazy = rlv.masks(plain).copy(deep=True)
    study = plain.copy()
    study["mine"] = xr.DataTree(lazy[:, ::16].to_dataset(name="codes").rename(step="moment"))
    rlv.save_study(study, tmp_path / "study.zarr")
    np.testing.assert_array_equal(rlv.open_study(tmp_path / "study.zarr")["mine/codes"], rlv.masks(known)[:, ::16])


def test_only_the_frames_that_are_read_are_computed(plain, counted):
    lazy = rlv.masks(plain)
    part = lazy[0].isel(step=slice(8, 40, 4))[:, 10:20]
    assert not counted
    assert part[2].values.shape == (10, 64)
    assert counted == [(0, 16)]
    rlv.objects(plain, 1, slice(3, 6))
    assert counted[1:] == [(1, 3), (1, 4), (1, 5)]


def test_threads_may_read_masks_side_by_side(plain, known):
    lazy, stored, wrong = rlv.masks(plain), rlv.masks(known).values, []

    def read(seed):
        for step in np.random.default_rng(seed).integers(0, STEPS, 15):
            if not np.array_equal(lazy[seed % 2, step], stored[seed % 2, step]):
                wrong.append(step)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("trajectory", "steps"),
    [(None, slice(0, 2)), (1, None), (0, 7), (1, slice(60, None, 3)), (None, -0), (np.int64(1), np.int64(3))],
)
def test_objects_computed_now_are_those_that_are_stored(plain, known, trajectory, steps):
    computed, stored = (rlv.objects(study, trajectory, steps) for study in (plain, known))
    assert len(stored)
    pd.testing.assert_frame_equal(computed, stored)
    whole = rlv.objects(known)
    if trajectory is not None:
        whole = whole[whole["trajectory"] == trajectory]
    wanted = range(STEPS)[steps] if isinstance(steps, slice) else range(STEPS) if steps is None else [steps]
    pd.testing.assert_frame_equal(stored, whole[whole["step"].isin(wanted)].reset_index(drop=True))


def check_pixels(study):
    """What the table says is visible is what the masks show, class by class, but for what the table leaves out."""
    masks, table = rlv.masks(study), rlv.objects(study)
    classes = masks.attrs["classes"]
    listed = table.groupby(["trajectory", "step", "object_class"])["visible_pixels"].sum()
    for (trajectory, step, name), pixels in listed.items():
        shown = (masks.values[trajectory, step] == classes.index(name)).sum()
        assert shown >= pixels if name in {"other", "velocity"} else shown == pixels, (trajectory, step, name)
    assert listed.sum() > 0


def test_the_table_counts_the_pixels_that_the_masks_show(known):
    check_pixels(known)
    agents = rlv.objects(known).query("object_class == 'agent'")
    assert len(agents) == 2 * STEPS
    assert agents["key"].eq("entity 0").all()
    inside = agents[["left", "top"]].ge(0).all(axis=None) and agents[["right", "bottom"]].le(64).all(axis=None)
    assert inside


def test_other_games_have_a_world_too():
    study = rollout_of("starpilot", distribution_mode="easy")
    table = rlv.objects(study, 0, slice(0, 60, 20))
    masks = rlv.masks(study)[0, :60:20].values
    names = rlv.masks(study).attrs["classes"]
    assert {"agent"} < set(table["object_class"]) <= set(names)
    for place, step in enumerate(range(0, 60, 20)):
        agent = table[(table["step"] == step) & (table["object_class"] == "agent")]
        assert (masks[place] == names.index("agent")).sum() == agent["visible_pixels"].sum() > 0


def test_a_study_without_states_has_a_world_too(plain):
    bare = without_states(plain)
    pd.testing.assert_frame_equal(rlv.objects(bare, 1, slice(0, 70, 11)), rlv.objects(plain, 1, slice(0, 70, 11)))


def test_what_is_interrupted_or_cancelled_leaves_the_study_as_it_was(plain, monkeypatch):
    study, calls = plain.copy(), []
    with pytest.raises(Cancelled):
        look(study, lambda *told: calls.append(told), lambda: len(calls) == 5)
    assert calls[-1] == ("objects", 5, 2 * STEPS)
    monkeypatch.setattr(world_module, "_seen", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        rlv.add_world(study, progress=False)
    assert "world" not in study.children


def test_a_world_that_is_not_procgens_has_no_objects(caplog):
    study = built_study(toy_agent())
    with caplog.at_level(logging.INFO, "rlvision_widgets"):
        open_world(study, progress=False)
    assert not {"world", "endings"} & set(study.children)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "'toy', which is no game of Procgen" in caplog.text
    world_of(study, ToyEnvironment)
    for function in (rlv.masks, rlv.objects, rlv.add_world):
        with pytest.raises(ValueError, match="Procgen's games, and this study was played in 'toy'"):
            function(study)


def test_where_procgen_is_missing_a_study_is_built_and_says_so(plain, monkeypatch, tmp_path, caplog):
    study = plain.copy()
    monkeypatch.setenv("RLVISION_PROCGEN", str(tmp_path))
    open_world(study, progress=False)
    assert "world" not in study.children
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no Procgen in" in caplog.text


def test_a_study_is_built_with_its_world_unless_it_is_not_wanted(plain, monkeypatch):
    opened = []
    monkeypatch.setattr("rlvision_widgets.study.open_world", lambda study, progress: opened.append(study))
    built_study(toy_agent(), world=False)
    assert not opened
    study = built_study(toy_agent())
    assert opened == [study]
    study = plain.copy()
    open_world(study, progress=False)
    assert {"world", "endings"} <= set(study.children)


@pytest.mark.parametrize(
    ("where", "message"),
    [((2, None), "trajectory must be from 0 to 1, and 2 came"), ((0, 70), "step must be from 0 to 69, and 70 came")],
)
def test_places_that_are_not_there_are_refused(known, where, message):
    with pytest.raises(ValueError, match=message):
        rlv.objects(known, *where)


@pytest.mark.parametrize("where", [(1.5, 0), ([0, 1], 0), (True, 0), (0, "3")])
def test_places_that_are_no_numbers_are_refused(known, where):
    with pytest.raises(TypeError, match="must be an integer from 0 to"):
        rlv.objects(known, *where)


def test_no_steps_have_no_objects(plain, known):
    for study in (plain, known):
        table = rlv.objects(study, 0, slice(5, 5))
        assert len(table) == 0
        assert "visible_pixels" in table.columns


def test_a_made_up_study_says_why_it_has_no_masks():
    with pytest.raises(ValueError, match="no game of Procgen"):
        rlv.masks(toy_study())
