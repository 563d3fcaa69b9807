"""Laws of pictures and movies: their panels are the views' pixels, and files are whole, equal and small."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import toy
import xarray as xr
from PIL import Image

import rlvision_widgets as rlv
from rlvision_widgets.snapshot import InlinePage
from rlvision_widgets.widgets import Explorer
from rlvision_widgets.widgets.article import article_hues, composite_like_article
from rlvision_widgets.widgets.pictures import MARGIN, Painter, Shown
from rlvision_widgets.widgets.poster import ENLARGED, composite, hatch
from rlvision_widgets.widgets.source import StudySource

STEP = 21


@pytest.fixture(scope="module")
def study():
    """The toy study; step 30 of trajectory 0 is not computed, step 31 is no number."""
    study = toy.toy_study()
    node = study["layers/2b/outputs/value"]
    data = node.to_dataset().copy(deep=True)
    data["scale"][0, 31] = np.nan
    study["layers/2b/outputs/value"] = xr.DataTree(data)
    return study


@pytest.fixture(scope="module")
def parts(study):
    """Observation, attribution with the residual last in units of the output, colours with white last, full scale."""
    node = study["layers/2b/outputs/value"]
    frame = node.dataset.isel(trajectory=1, step=STEP)
    value = np.concatenate([frame["attribution"].values, frame["residual"].values[..., None]], -1) * float(
        frame["scale"]
    )
    colours = [list(bytes.fromhex(str(colour)[1:])) for colour in study["layers/2b"]["colour"].values]
    return (
        study["observation"].values[1, STEP],
        value,
        np.array([*colours, (255, 255, 255)], float),
        node.attrs["display_scale"],
    )


def painted(study, step=STEP, output="value", **traits):
    shown = Shown(**{"trajectory": 1, "layer": "2b", "outputs": ("value",), **traits})
    return Painter(StudySource(study), shown).panels(step, output)


def enlarged(pixels):
    return pixels.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def test_panels_are_the_observation_and_what_raises_and_lowers(study, parts):
    observation, value, colours, full = parts
    (_, seen), (up, raises), (down, lowers) = painted(study)
    assert (up, down) == ("raises value", "lowers value")
    np.testing.assert_array_equal(seen, enlarged(observation))
    for found, sign in ((raises, 1), (lowers, -1)):
        expected = composite(observation, sign * value[..., :-1] / full, colours[:-1])
        np.testing.assert_array_equal(found, enlarged(expected))
    assert not np.array_equal(raises, lowers)


def test_a_feature_the_residual_or_all_are_drawn_as_the_traits_say(study, parts):
    observation, value, colours, full = parts
    count = value.shape[-1] - 1
    for traits, kept in (
        ({"isolated": 2}, [2]),
        ({"isolated": count}, [count]),
        ({"show_residual": True}, [*range(count + 1)]),
    ):
        expected = composite(observation, value[..., kept] / full, colours[kept])
        np.testing.assert_array_equal(painted(study, **traits)[1][1], enlarged(expected))


def test_without_overlay_the_panels_are_on_black(study, parts):
    observation, value, colours, full = parts
    expected = composite(0 * observation, value[..., :-1] / full, colours[:-1])
    np.testing.assert_array_equal(painted(study, overlay=False)[1][1], enlarged(expected))


def test_both_signs_in_one_panel_are_hatched_where_they_lower(study, parts):
    observation, value, colours, full = parts
    _, (caption, both) = painted(study, combine=True)
    size = np.abs(value[..., :-1]) / full
    opacity = 0.9 * np.sqrt(np.minimum(1, size.sum(-1)))
    flat = enlarged(composite(observation, size, colours[:-1]))
    np.testing.assert_array_equal(both, hatch(flat, value[..., :-1].sum(-1) < 0, opacity))
    assert "hatched" in caption
    assert not np.array_equal(both, flat)


def test_the_article_s_look_is_drawn_too(study, parts):
    observation, value, _, full = parts
    hues = article_hues(value.shape[-1] - 1)
    expected = composite_like_article(observation, value[..., :-1] / full, hues)
    np.testing.assert_array_equal(painted(study, look="article")[1][1], enlarged(expected))
    assert painted(study, look="article", combine=True)[1][1].shape == enlarged(expected).shape


def test_change_is_the_difference_to_the_step_before_and_the_first_step_says_so(study, parts):
    observation, value, colours, full = parts
    node = study["layers/2b/outputs/value"].dataset.isel(trajectory=1, step=STEP - 1)
    before = node["attribution"].values * float(node["scale"])
    expected = composite(observation, (value[..., :-1] - before) / full, colours[:-1])
    found = painted(study, mode="change")[1][1]
    assert np.abs(found.astype(int) - enlarged(expected)).max() <= 1
    assert "no earlier step" in painted(study, step=0, mode="change")[1][0]


def test_what_is_not_computed_or_no_number_says_so_and_shows_the_frame(study):
    dimmed = painted(study, output="RIGHT")
    assert "not computed" in dimmed[1][0]
    assert dimmed[1][1].std() > 0
    assert "not a number" in painted(study, step=31, trajectory=0)[1][0]


def test_the_scale_of_the_trajectory_draws_otherwise_than_the_study_s(study):
    own, common = painted(study, scale="trajectory")[1][1], painted(study)[1][1]
    trajectory = StudySource(study).answer("totals", {"trajectory": 1, "layer": "2b", "output": "value"})[0]
    assert (own == common).all() == np.isclose(trajectory["trajectory_scale"], trajectory["display_scale"])


def test_a_picture_holds_the_panels_and_every_step_s_has_one_size(study):
    view = Explorer(study, trajectory=1, step=STEP)
    picture = view.picture()
    panel = painted(study)[1][1]
    height, width = panel.shape[:2]
    rows = np.flatnonzero((picture != 255).any(axis=(1, 2)))
    where = picture.shape[0] - MARGIN - height
    left = MARGIN + width + 8
    np.testing.assert_array_equal(picture[where : where + height, left : left + width], panel)
    assert rows[0] < where - 20  # captions
    assert {view.picture(step).shape for step in (0, 5, 33)} == {picture.shape}
    view.close()
    with pytest.raises(ValueError, match="step must be from 0 to"):
        view.picture(10_000)


def test_pictures_follow_names_and_traits_that_change(study):
    view = Explorer(study, trajectory=1, step=STEP)
    before = view.picture()
    view.combine = True
    assert view.picture().shape[1] < before.shape[1]
    view.combine = False
    view.feature = 1
    assert not np.array_equal(view.picture(), before)
    view.close()


@pytest.mark.parametrize("suffix", [".png", ".gif", ".mp4", ".html"])
def test_equal_views_give_equal_bytes(study, tmp_path, suffix):
    files = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for file in files:
        view = Explorer(study, trajectory=1, step=STEP)
        rlv.save_snapshot(view, file, **({"steps": slice(4, 9)} if suffix in {".gif", ".mp4"} else {}))
        view.close()
    assert files[0].read_bytes() == files[1].read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {file.name for file in files}


def test_a_still_is_the_picture(study, tmp_path):
    view = Explorer(study, trajectory=1, step=STEP)
    rlv.save_snapshot(view, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), view.picture())
    view.close()


def test_a_gif_shows_each_step_for_its_time_and_starts_over(study, tmp_path):
    view = Explorer(study, trajectory=1, fps=10)
    rlv.save_snapshot(view, tmp_path / "a.gif", steps=slice(4, 9))
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (5, 0, 100)
        for frame in range(5):
            gif.seek(frame)
            shown, drawn = np.asarray(gif.convert("RGB"), int), view.picture(4 + frame).astype(int)
            assert np.abs(shown - drawn).mean() < 2  # 256 colours a frame
    view.close()


def test_a_video_shows_each_step(study, tmp_path):
    from imageio_ffmpeg import count_frames_and_secs, read_frames

    view = Explorer(study, trajectory=1)
    rlv.save_snapshot(view, tmp_path / "a.mp4", steps=[3, 4, 5, 9], fps=8)
    count, seconds = count_frames_and_secs(tmp_path / "a.mp4")
    assert (count, seconds) == (4, 0.5)
    frames = read_frames(tmp_path / "a.mp4")
    width, height = next(frames)["size"]
    for step, data in zip([3, 4, 5, 9], frames, strict=True):
        shown = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        drawn = view.picture(step)
        assert np.abs(shown[: drawn.shape[0], : drawn.shape[1]].astype(int) - drawn).mean() < 6
    view.close()


def test_a_movie_shows_the_brushed_steps_else_the_episode(study, tmp_path):
    view = Explorer(study, trajectory=1, step=STEP, selected_range=[5, 8])
    rlv.save_snapshot(view, tmp_path / "a.gif")
    view.selected_range = []
    rlv.save_snapshot(view, tmp_path / "b.gif")
    episode = next(e for e in view.source.episodes(1) if e["start"] <= STEP < e["stop"])
    with Image.open(tmp_path / "a.gif") as brushed, Image.open(tmp_path / "b.gif") as whole:
        assert (brushed.n_frames, whole.n_frames) == (3, episode["stop"] - episode["start"])
    view.close()


def test_several_studies_and_grids_have_pictures_too(study, tmp_path):
    compare = rlv.Compare(study, trajectories=[0, 1], labels=["left", "right"])
    rlv.save_snapshot(compare, tmp_path / "a.gif", steps=slice(0, 3))
    rlv.save_snapshot(compare, tmp_path / "a.png")
    assert Image.open(tmp_path / "a.gif").size == Image.open(tmp_path / "a.png").size
    assert Image.open(tmp_path / "a.png").height > 2 * painted(study)[0][1].shape[0]
    compare.close()
    grid = rlv.FeatureGrid(study)
    with pytest.raises(ValueError, match="FeatureGrid has no steps"):
        rlv.save_snapshot(grid, tmp_path / "b.gif")
    grid.close()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.webm", {}, r"ends in one of \.html, \.htm, \.png, \.gif, \.mp4"),
        ("a.png", {"steps": slice(3)}, r"steps and fps are of a movie"),
        ("a.html", {"fps": 3}, r"steps and fps are of a movie"),
        ("a.gif", {"title": "a"}, r"only a page"),
        ("a.gif", {"fps": 0}, r"fps must be above 0"),
        ("a.gif", {"steps": slice(9, 9)}, r"steps must be some of 0 to"),
        ("a.gif", {"steps": [0, 10_000]}, r"steps must be some of 0 to"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(study, tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        rlv.save_snapshot(study, tmp_path / name, **options)
    assert not any(tmp_path.iterdir())


def test_a_failure_in_the_middle_of_a_movie_leaves_the_earlier_file(study, tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_bytes(b"earlier")
    whole = Painter.picture
    monkeypatch.setattr(Painter, "picture", lambda self, step: whole(self, step) if step < 3 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rlv.save_snapshot(study, path, steps=slice(0, 6))
    assert path.read_bytes() == b"earlier"
    assert [one.name for one in tmp_path.iterdir()] == ["a.gif"]


def test_without_ffmpeg_the_error_says_what_to_install(study, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(ModuleNotFoundError, match="pip install imageio-ffmpeg"):
        rlv.save_snapshot(study, tmp_path / "a.mp4", steps=slice(0, 3))


def test_a_page_in_a_notebook_is_the_page_in_a_frame(study):
    inline = rlv.show_snapshot(study, title="<a> & 'b'", height=500)
    assert isinstance(inline, InlinePage)
    shown = inline._repr_html_()
    assert shown.startswith('<iframe title="Snapshot" style="width:100%;height:500px')
    assert shown.count("<") == 2  # the page inside is text of an attribute
    assert "MB" in repr(inline)


def test_a_view_s_bundle_carries_its_picture(study):
    view = Explorer(study, trajectory=1, step=STEP)
    data, _ = view._repr_mimebundle_()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data["image/png"]))), view.picture())
    view.close()


def test_addresses_leave_out_what_fresh_views_show_anyway(study):
    text = (Path(__file__).parents[1] / "js/core/permalink.ts").read_text(encoding="utf-8")
    table = re.search(r"DEFAULTS: Traits = \{(.*?)\};", text, re.DOTALL)[1]
    written = dict(re.findall(r"(\w+): (.+?),\n", table))
    view = Explorer(study)
    fresh = {name: view.trait_defaults(name) for name in view.settable(passing=False)}
    plain = {None: "null", True: "true", False: "false"}
    expected = {
        name: plain[value]
        if value is None or isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value).replace("'", '"')
        if not isinstance(value, str)
        else f'"{value}"'
        for name, value in fresh.items()
    }
    for name in ("trajectory", "step", "layer", "output"):  # always named, because they depend on the study
        del expected[name]
    assert written == expected
    view.close()
