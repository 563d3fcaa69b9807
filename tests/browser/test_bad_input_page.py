"""Odd studies and odd frames in a browser: each is shown, and says what is missing in words."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import toy
import xarray as xr
from explorer_page import LONG, PIXELS, ExplorerPage
from playwright.sync_api import expect

from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("RLVISION_BAD_INPUT")  # a folder: what each test sees is saved there
STEP = 20


@pytest.fixture
def open_page(browser, tmp_path, request):
    """Open a view as a page, in a narrow or a wide window; it must report no error."""
    pages, errors = [], []

    def open_view(view):
        path = tmp_path / f"{len(pages)}.html"
        save_snapshot(view, path, progress=False)
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(path.as_uri())
        page.locator("[data-ready]").first.wait_for()
        pages.append(page)
        return page

    yield open_view
    for number, page in enumerate(pages):
        if PICTURES:
            name = re.sub(r"\W+", "-", request.node.name)
            page.screenshot(path=Path(PICTURES) / f"{name}-{number}.png", full_page=True)
        page.close()
    assert errors == []


def without(study, *nodes):
    """Return the study without some of its nodes."""
    return xr.DataTree.from_dict(
        {
            node.path: node.to_dataset(inherit=False)
            for node in study.subtree
            if not any(node.path == f"/{name}" or node.path.startswith(f"/{name}/") for name in nodes)
        }
    )


def expect_numbers(view):
    """Assert that no number is shown that is none."""
    for part in (".rlv-status", ".rlv-timeline"):
        for text in view.root.locator(part).all_inner_texts():
            assert not re.search("NaN|Infinity|undefined", text), text
    for text in view.features.all_inner_texts():
        assert not re.search("NaN|Infinity|undefined", text), text


def overflow(page):
    """Return by how many pixels the view is wider than its window."""
    return page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_steps_that_are_not_numbers_say_so_and_draw_no_wrong_line(open_page):
    study = toy.toy_study()
    output = study["layers/2b/outputs/value"]
    for name in ("scale", "completeness_error", "residual_total", "total"):
        output[name].values[0, STEP : STEP + 3] = np.nan
    study["value"].values[0, STEP : STEP + 3] = np.nan
    study["advantage"].values[0, : STEP + 3] = np.nan
    page = open_page(Explorer(study, step=STEP))
    view = ExplorerPage(page)
    expect(view.root.get_by_text("is not a number")).to_be_visible(timeout=LONG)
    expect_numbers(view)
    view.slider.fill(str(STEP + 3))
    view.expect_attribution(study, 0, STEP + 3)


def test_a_trajectory_of_one_step(open_page):
    study = toy.toy_study(num_trajectories=1, num_steps=1)
    page = open_page(Explorer(study))
    view = ExplorerPage(page)
    view.expect_frame(study, 0, 0)
    view.expect_attribution(study, 0, 0)
    view.slider.focus()
    for key in ("ArrowRight", "ArrowLeft", "End", "Home", "PageDown", " ", "+", "-"):
        page.keyboard.press(key)
    view.expect_step(0)
    expect_numbers(view)


def test_a_study_without_any_layer_shows_its_rollout(open_page):
    study = without(toy.toy_study(), "layers")
    page = open_page(Explorer(study, step=STEP))
    view = ExplorerPage(page)
    view.expect_frame(study, 0, STEP)
    view.slider.fill("100")
    view.expect_frame(study, 0, 100)
    expect(view.features).to_have_count(0)


def many_features(count):
    """Return a study with so many features: the four of the toy, one after another."""
    study = toy.toy_study(num_trajectories=1, num_steps=12)
    layer = study["layers/2b"]
    order = np.arange(count) % 4
    names = np.array([f"{layer['feature_name'].values[k]} {number}" for number, k in enumerate(order)], object)
    tree = {}
    for node in layer.subtree:
        data = node.to_dataset(inherit=False)
        tree[node.relative_to(layer)] = data.isel(feature=order) if "feature" in data.dims else data
    tree["."] = tree["."].assign(feature_name=("feature", names))
    parts = {f"/layers/2b/{path}": data for path, data in tree.items() if path != "."}
    return xr.DataTree.from_dict(
        {
            **{node.path: node.to_dataset(inherit=False) for node in without(study, "layers").subtree},
            "/layers/2b": tree["."],
            **parts,
        }
    )


def test_two_hundred_features_are_listed_within_the_view(open_page):
    study = many_features(200)
    page = open_page(Explorer(study, step=5))
    view = ExplorerPage(page)
    view.expect_step(5)
    expect(view.features).to_have_count(201)  # and the residual
    last = view.features.nth(199)
    last.scroll_into_view_if_needed()
    last.click()
    expect(last).to_have_attribute("aria-pressed", "true")
    view.expect_attribution(study, 0, 5, feature=199)
    pictures = view.root.locator(".rlv-observation canvas.rlv-frame").bounding_box()
    assert pictures["width"] > 100
    assert overflow(page) <= 0


@pytest.mark.parametrize("count", [15, 1])
def test_any_number_of_actions(open_page, count):
    study = toy.toy_study()
    if count == 1:
        study.attrs["action_names"] = ["FIRE"]
        study.dataset = study.to_dataset(inherit=False).isel(logit=slice(0, 1))
        study["action"].values[:] = 0
    page = open_page(Explorer(study, step=STEP))
    view = ExplorerPage(page)
    view.expect_step(STEP)
    bars = view.root.locator(".rlv-action")
    expect(bars).to_have_count(count)
    edge = view.root.bounding_box()
    box = bars.last.bounding_box()
    assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    expect_numbers(view)


def test_a_policy_without_a_value(open_page):
    study = toy.toy_study()
    study.dataset = study.to_dataset(inherit=False).drop_vars(["value", "advantage", "final_value"])
    outputs = study["layers/2b/outputs"]
    right = outputs["value"].to_dataset(inherit=False)
    right.attrs["output"] = "RIGHT"
    study["layers/2b/outputs"] = xr.DataTree.from_dict({"/RIGHT": right})
    page = open_page(Explorer(study, step=STEP, output="RIGHT"))
    view = ExplorerPage(page)
    view.expect_frame(study, 0, STEP)
    expect(view.root.locator(".rlv-reading-value")).to_contain_text("no value head")
    view.drag(0.2, 0.6)
    view.expect_frame(study, 0, view.step)
    expect_numbers(view)


def other_frames(height, width, *, grey):
    """Return a study whose frames have another size; its diverse frames and grids go, for they show the old ones."""
    study = toy.toy_study()
    study = without(
        study, "observations", "states", *(f"layers/2b/{name}" for name in ("examples", "grids", "activity"))
    )
    rng = np.random.default_rng(1)
    root = study.to_dataset(inherit=False)
    ramp = np.linspace(40, 200, height)[:, None, None] + np.zeros((1, width, 3))
    noise = rng.integers(0, 40, (*root["action"].shape, height, width, 1 if grey else 3))
    dims = root["observation"].dims
    study.dataset = root.drop_vars("observation").assign(observation=(dims, (ramp + noise).astype(np.uint8)))
    return study


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize(("height", "width"), [(210, 160), (64, 64)])
def test_frames_of_any_shape_keep_it(open_page, height, width, grey):
    study = other_frames(height, width, grey=grey)
    page = open_page(Explorer(study, step=STEP))
    view = ExplorerPage(page)
    view.expect_frame(study, 0, STEP)
    for panel in ("observation", "raises", "lowers"):
        box = view.root.locator(f".rlv-{panel} canvas.rlv-frame").bounding_box()
        assert box["height"] / box["width"] == pytest.approx(height / width, rel=0.02)
    strip = view.root.locator(".rlv-timeline canvas").first
    _height, _width, data = strip.evaluate(PIXELS)
    assert np.ptp(np.array(data[::4])) > 0
    assert overflow(page) <= 0


def test_a_layer_without_examples_has_swatches_and_no_broken_picture(open_page):
    page = open_page(Explorer(other_frames(64, 64, grey=False), step=STEP, opened=1))
    expect(page.get_by_role("dialog")).to_be_visible(timeout=LONG)
    assert (
        page.evaluate("() => [...document.images].filter((one) => one.complete && one.naturalWidth === 0).length") == 0
    )
