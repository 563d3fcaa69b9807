"""Charts: what is drawn is the study's, on axes that stay."""

from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pytest
import toy
import xarray as xr
from nbclient import NotebookClient

import rlvision_widgets as rlv
from rlvision_widgets.storage import save_study
from rlvision_widgets.widgets import Explorer
from rlvision_widgets.widgets.decimation import MAX_POINTS, bin_size, min_max
from rlvision_widgets.widgets.time_chart import extent, ticks

CHARTS = (rlv.plot_curves, rlv.plot_policy, rlv.plot_totals)
NOTEBOOK = Path(__file__).parents[1] / "examples" / "charts.ipynb"
VALUE = "layers/2b/outputs/value"


@pytest.fixture
def explorer(study):
    view = Explorer(study, trajectory=1, step=30)
    yield view
    view.close()


def lines(figure):
    """Return the names of the drawn lines with their (x, y), without the breaks between episodes."""
    solid, dotted, _squares, names = figure.marks[:4]
    drawn = [
        line
        for mark in (solid, dotted)
        if mark.visible
        for line in zip(*map(np.atleast_2d, (mark.x, mark.y)), strict=True)
    ]
    kept = [(x[x == np.round(x)], y[x == np.round(x)]) for x, y in drawn]
    return dict(zip(names.text, kept, strict=True))


def long_study(num_steps):
    study = toy.toy_study(num_trajectories=1)
    rollout = study.to_dataset().isel(step=np.arange(num_steps) % 130)
    rng = np.random.default_rng(0)
    rollout["value"].values[:] = rng.normal(size=(1, num_steps))
    rollout["value"].values[0, num_steps // 3] = 99.0
    return xr.DataTree(rollout)


# -- what is drawn ------------------------------------------------------------------------------------------------


def test_curves_are_the_study_s(study):
    drawn = lines(rlv.plot_curves(study, 2, curves=("value", "reward")))
    assert list(drawn) == ["value", "reward"]
    for name, (x, y) in drawn.items():
        np.testing.assert_array_equal(x, np.arange(130))
        np.testing.assert_array_equal(y, study[name].values[2])


def test_lines_break_where_an_episode_opens(study):
    figure = rlv.plot_curves(study)
    x, y = figure.marks[0].x[0], figure.marks[0].y[0]
    opens = np.flatnonzero(study["first"].values[0])[1:]
    np.testing.assert_array_equal(x[np.isnan(y)], opens - 0.5)
    assert np.all(np.diff(x) > 0)


def test_the_policy_is_a_distribution(study):
    names = study.attrs["action_names"]
    drawn = lines(rlv.plot_policy(study, 1, actions=names[:8])) | lines(rlv.plot_policy(study, 1, actions=names[8:]))
    np.testing.assert_allclose(sum(y for _, y in drawn.values()), 1, atol=1e-6)
    logits = study["policy_logits"].values[1]
    likeliest = [names[k] for k in logits.argmax(-1)]
    assert [max(drawn, key=lambda name: drawn[name][1][step]) for step in range(130)] == likeliest
    default = list(lines(rlv.plot_policy(study)))
    assert len(default) == 6
    assert set(names[6:9]) <= set(default), "the toy agent prefers these"


def test_totals_have_the_features_names_and_colours_and_the_residual(study):
    figure = rlv.plot_totals(study, 1)
    drawn, output = lines(figure), study[VALUE].dataset
    assert list(drawn) == ["coin", "saw", "enemy", "platform", "residual"]
    for k, (_, y) in enumerate(list(drawn.values())[:-1]):
        np.testing.assert_array_equal(y, output["total"].values[1, :, k])
    np.testing.assert_array_equal(drawn["residual"][1], output["residual_total"].values[1])
    assert figure.marks[0].colors == list(study["layers/2b"]["colour"].values)
    assert figure.marks[1].line_style == "dotted"
    assert list(lines(rlv.plot_totals(study, features=["saw", 3]))) == ["saw", "platform"]
    assert figure.axes[1].label == "raw reward"


def test_steps_that_are_not_computed_stay_empty_and_nan_breaks_no_axis():
    study = toy.toy_study()
    toy.forget(study[VALUE], trajectory=0, step=slice(50, None))
    study[VALUE]["total"].values[0, 3] = np.nan
    figure = rlv.plot_totals(study)
    y = lines(figure)["coin"][1]
    assert np.flatnonzero(np.isnan(y)).tolist() == [3, *range(50, 130)]
    assert np.isfinite([figure.axes[1].scale.min, figure.axes[1].scale.max]).all()


def test_a_long_trajectory_is_drawn_by_its_extremes_and_says_so():
    study = long_study(9_001)
    figure = rlv.plot_curves(study, curves=["value"])
    (x, y), size = lines(figure)["value"], bin_size(9_001)
    assert len(x) <= MAX_POINTS
    assert figure.axes[0].label == f"step (smallest and largest of every {size} steps)"
    values = study["value"].values[0]
    assert (y.max(), y.min()) == (values.max(), values.min())
    assert x[y.argmax()] == values.argmax()
    assert rlv.plot_curves(long_study(MAX_POINTS), curves=["value"]).axes[0].label == "step"


@pytest.mark.parametrize("num_steps", [2_001, 4_000, 100_000])
def test_every_bin_keeps_its_extremes_in_order(num_steps):
    values = np.random.default_rng(num_steps).normal(size=(3, num_steps))
    values[0, :5000] = np.nan
    steps, kept = min_max(values)
    assert kept.shape[1] <= MAX_POINTS
    assert np.all(np.diff(steps) >= 0)
    np.testing.assert_array_equal(kept[1], values[1][steps[1].astype(int)])
    size = bin_size(num_steps)
    for start in range(0, num_steps, size):
        inside = (steps[1] >= start) & (steps[1] < start + size)
        part = values[1, start : start + size]
        assert (kept[1, inside].min(), kept[1, inside].max()) == (part.min(), part.max())
    assert np.isnan(kept[0]).sum() == np.isnan(values[0, : kept.shape[1] // 2 * size : size]).sum() * 2


# -- histograms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["value", "advantage", "reward", "residual_share", "completeness_error"])
def test_a_histogram_counts_every_step_once(study, what):
    figure = rlv.plot_histogram(study, what, bins=20)
    assert figure.marks[0].y[:-1].sum() == 390
    assert figure.title == f"{what.replace('_', ' ')} of 390 steps"
    one = rlv.plot_histogram(study, what, trajectory=1, bins=20)
    assert one.marks[0].y[:-1].sum() == 130


def test_a_histogram_of_totals_has_a_line_for_each_feature(study):
    figure = rlv.plot_histogram(study, "totals", bins=10)
    np.testing.assert_array_equal(figure.marks[0].y[:, :-1].sum(axis=1), [390] * 4)
    values, edges = study[VALUE]["total"].values[..., 2].ravel(), figure.marks[0].x
    np.testing.assert_array_equal(figure.marks[0].y[2, :-1], np.histogram(values, edges)[0])


def test_a_histogram_marks_the_errors_that_one_step_in_a_hundred_exceeds(study):
    drawn = rlv.plot_histogram(study, "completeness_error").marks
    marks = [mark for mark in drawn if getattr(mark, "line_style", "") == "dotted"]
    limit = np.quantile(np.abs(study[VALUE]["completeness_error"].values), 0.99)
    assert [mark.x[0] for mark in marks] == pytest.approx([-limit, limit], rel=1e-6)


def test_a_histogram_says_what_it_leaves_out():
    study = toy.toy_study()
    toy.forget(study[VALUE], trajectory=2)
    assert rlv.plot_histogram(study, "totals").title == "totals of 260 steps, 130 more have none"
    toy.forget(study[VALUE])
    with pytest.raises(ValueError, match="no step has a finite totals"):
        rlv.plot_histogram(study, "totals")


def test_equal_numbers_make_a_histogram_too():
    study = toy.toy_study()
    study["reward"].values[:] = 0
    assert rlv.plot_histogram(study, "reward").marks[0].y.max() == 390


# -- beside an explorer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_follows_the_explorer_on_axes_that_stay(explorer, chart):
    figure = chart(explorer)
    assert figure.title.endswith("trajectory 2 of 3")
    before = [scale.get_state(["min", "max"]) for scale in (axis.scale for axis in figure.axes)]
    explorer.trajectory, explorer.step = 2, 5
    assert figure.title.endswith("trajectory 3 of 3")
    assert [axis.scale.get_state(["min", "max"]) for axis in figure.axes] == before
    name, (_, y) = next(iter(lines(figure).items()))
    np.testing.assert_array_equal(y, lines(chart(explorer.study, 2))[name][1])
    cursor = figure.marks[-1]
    assert cursor.preserve_domain == {"x": True, "y": True}
    fixed = chart(explorer, 0)
    explorer.trajectory = 1
    assert fixed.title.endswith("trajectory 1 of 3")


def test_x_and_y_of_lines_change_in_one_message(explorer):
    figure, sent = rlv.plot_curves(explorer), []
    figure.marks[0].send_state = lambda key=None: sent.append({"x", "y"} & set(key or ()))
    explorer.trajectory = 2
    assert [keys for keys in sent if keys] == [{"x", "y"}]


class Offers:
    """A connected agent of which only the offers are looked at."""

    layers = ({"name": "2b", "channels": 8, "height": 32, "width": 32},)
    outputs = ("value", "RIGHT")


def test_totals_of_what_is_not_computed_wait_for_it():
    study = toy.toy_study()
    view = Explorer(study, connection=Offers())
    figure = rlv.plot_totals(view)
    assert (figure.title, figure.axes[1].label) == ("features of 2b for value, trajectory 1 of 3", "raw reward")
    view.output = "RIGHT"
    assert figure.title == "not computed, trajectory 1 of 3"
    assert not figure.marks[0].visible
    study["layers/2b/outputs/RIGHT"] = study[VALUE].copy(deep=True)
    view.refresh()
    assert (figure.title, figure.axes[1].label) == ("features of 2b for RIGHT, trajectory 1 of 3", "logits")
    assert figure.marks[0].visible
    rlv.rename(study, "2b", 0, "gold")
    assert next(iter(lines(figure))) == "gold"


def test_link_makes_a_one_way_link_in_the_browser(explorer):
    from bqplot import LinearScale, Lines

    mark = Lines(x=[0, 0], y=[0, 1], scales={"x": LinearScale(min=0, max=129), "y": LinearScale()})
    link = explorer.link(mark)
    assert isinstance(link, ipywidgets.widgets.widget_link.DirectionalLink)
    assert (link.source, link.target) == ((explorer, "cursor_x"), (mark, "x"))
    with pytest.raises(ValueError, match=r"unknown trait of Lines 'xs'\. Did you mean 'x'"):
        explorer.link(mark, "xs")
    with pytest.raises(TypeError, match="expected a widget, for instance a bqplot mark, got str"):
        explorer.link("x")


def test_the_cursor_spans_the_scale_or_what_is_given(explorer):
    from bqplot import LinearScale

    scales = {"x": LinearScale(), "y": LinearScale(min=-2, max=3)}
    cursor = explorer.cursor(scales)
    assert (list(cursor.x), list(cursor.y)) == ([30, 30], [-2, 3])
    assert list(explorer.cursor(scales, low=0).y) == [0, 3]
    with pytest.raises(ValueError, match="got None and None: pass both"):
        explorer.cursor({"x": LinearScale(), "y": LinearScale()})
    with pytest.raises(ValueError, match=r"got 4 and 3\.0"):
        explorer.cursor(scales, low=4)
    with pytest.raises(ValueError, match="the chart's scales"):
        explorer.cursor({"x": LinearScale()})


# -- wrong input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: rlv.plot_curves(s, curves=["valu"]), "unknown curve 'valu'. Did you mean 'value'"),
        (lambda s: rlv.plot_curves(s, curves="value"), "expected a list of curves, got the text 'value'"),
        (lambda s: rlv.plot_curves(s, curves=[]), "at least one curve of value, advantage, reward"),
        (lambda s: rlv.plot_curves(s, 3), "trajectory must be from 0 to 2, got 3"),
        (lambda s: rlv.plot_curves(s, "a"), "trajectory must be from 0 to 2, got 'a'"),
        (lambda s: rlv.plot_policy(s, actions=["RIGH"]), "unknown action 'RIGH'. Did you mean 'RIGHT'"),
        (lambda s: rlv.plot_policy(s, actions=s.attrs["action_names"][:9]), "at most 8 actions can be told apart"),
        (lambda s: rlv.plot_totals(s, layer="2c"), "unknown layer '2c'. Did you mean '2b'"),
        (lambda s: rlv.plot_totals(s, output="RIGHT"), "unknown output of layer '2b': 'RIGHT'"),
        (lambda s: rlv.plot_totals(s, features=["coins"]), "unknown feature 'coins'. Did you mean 'coin'"),
        (lambda s: rlv.plot_totals(s, features=[4]), "feature must be from 0 to 3, got 4"),
        (lambda s: rlv.plot_totals(s, features=[]), "names no feature"),
        (lambda s: rlv.plot_histogram(s, "values"), "unknown quantity 'values'. Did you mean 'value'"),
        (lambda s: rlv.plot_histogram(s, bins=0), "bins must be from 1 to 1000, got 0"),
        (lambda s: rlv.plot_histogram(s, trajectory=-1), "trajectory must be from 0 to 2, got -1"),
    ],
)
def test_wrong_input_is_refused_with_its_reason(study, call, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared as text
        call(study)
    assert message in str(error.value)


def test_a_study_without_a_value_says_so_and_no_study_too(study):
    without = xr.DataTree(study.to_dataset().drop_vars(["value", "advantage", "final_value"]))
    for call in (rlv.plot_curves, rlv.plot_histogram):
        with pytest.raises(ValueError, match="no value: its agent has no value function"):
            call(without)
    assert list(lines(rlv.plot_curves(without, curves=["reward"]))) == ["reward"]
    with pytest.raises(ValueError, match="this study has no attribution: build_study computes it"):
        rlv.plot_totals(without)
    with pytest.raises(TypeError, match="expected an Explorer, a study or where one is saved, got int"):
        rlv.plot_curves(3)
    with pytest.raises(TypeError, match="Did you mean 'trajectory'"):
        rlv.plot_curves(study, trajectry=1)


def test_a_saved_study_and_one_step_can_be_plotted(study, tmp_path):
    save_study(study, tmp_path / "toy.zarr")
    assert list(lines(rlv.plot_totals(tmp_path / "toy.zarr")))[:2] == ["coin", "saw"]
    one = xr.DataTree(study.to_dataset().isel(step=slice(1)))
    assert list(lines(rlv.plot_policy(one, actions=["RIGHT"]))) == ["RIGHT"]
    figure = rlv.plot_curves(one)
    assert figure.marks[0].y.shape == (2, 2), "two lines of the one step, twice"
    assert (figure.axes[0].scale.min, figure.axes[0].scale.max) == (0, 1)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.03, 0.0012), (8.4, 8.7), (0, 1e-9), (-5e6, 3e6)])
def test_ticks_are_round_and_on_the_axis(low, high):
    chosen = ticks(low, high)
    assert 3 <= len(chosen) <= 8
    assert chosen.min() >= low - 1e-9 * (high - low)
    assert chosen.max() <= high + 1e-9 * (high - low)
    step = np.diff(chosen)[0]
    assert f"{step:.0e}"[0] in "125"


def test_an_axis_holds_all_finite_numbers():
    low, high = extent(np.array([1.0, np.nan]), np.array([[3.0, np.inf]]))
    assert (low, high) == pytest.approx((0.9, 3.1))
    assert extent(np.array([np.nan])) == (0, 1)
    assert extent(np.zeros(3)) == (-1, 1)


# -- the example --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_example_notebook_runs_from_top_to_bottom(demo):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(demo)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False, resources=where).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    assert sum("application/vnd.jupyter.widget-view+json" in data for data in shown) == 5


def test_the_committed_notebook_has_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
