"""Names, the legend and the cell inspector in a page without a kernel."""

import re

import numpy as np
import pytest
import toy
import xarray as xr
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect

import rlvision_widgets as rlv
from rlvision_widgets.schema import FEATURE_COLOURS

pytestmark = pytest.mark.browser
NEEDS = "Renaming needs a kernel: open the notebook"
HOSTILE = '<img src=x onerror="window.hostile = 1">'


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a view as an offline page; whatever the page complains about fails the test."""
    errors = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))

    def show(view):
        rlv.save_snapshot(view, tmp_path / "page.html", progress=False)
        page.goto((tmp_path / "page.html").as_uri())
        return ExplorerPage(page)

    browser.set_offline(True)
    yield show
    browser.set_offline(False)
    page.close()
    assert errors == []


def many_features(count):
    """A study whose layer has that many features; only the first four say anything but noise."""
    study = toy.toy_study(num_trajectories=1, num_steps=70)
    rng = np.random.default_rng(0)
    node, output = study["layers/2b"], study["layers/2b/outputs/value"]
    names = [*node["feature_name"].values, *(f"feature {k}" for k in range(4, count))]
    layer = node.to_dataset().drop_dims("feature")
    layer["direction"] = ("feature", "channel"), rng.random((count, 8), np.float32)
    layer["feature_name"] = "feature", np.array(names, dtype=object)
    layer["colour"] = "feature", np.array([FEATURE_COLOURS[k % 8] for k in range(count)], dtype=object)
    attributed = output.to_dataset()
    padding = {"feature": (0, count - 4)}
    total = attributed["total"].pad(padding, constant_values=0)
    total[..., 4:] = rng.normal(0, 1e-3, (*total.shape[:-1], count - 4))
    attribution = attributed["attribution"].pad(padding, constant_values=0).astype(np.int8)
    attributed = attributed.drop_dims("feature").assign(attribution=attribution, total=total.astype(np.float32))
    del study["layers"]
    study["layers/2b"] = xr.DataTree(layer)
    study["layers/2b/outputs/value"] = xr.DataTree(attributed)
    return study


def test_a_hostile_name_is_text_wherever_it_is_shown(open_page):
    study = toy.toy_study(num_trajectories=1, num_steps=70)
    rlv.rename(study, "2b", 0, HOSTILE)
    view = open_page(rlv.Explorer(study, cell=[10, 10]))
    view.expect_step(0)
    expect(view.features.nth(0)).to_contain_text(HOSTILE)
    inspector = view.root.get_by_role("region", name="Cell inspector")
    expect(inspector.get_by_role("button", name=HOSTILE, exact=True)).to_be_visible(timeout=LONG)
    view.features.nth(0).hover()
    assert view.root.locator("img").count() == 0
    assert view.root.page.evaluate("() => window.hostile") is None


def test_without_a_kernel_nothing_is_renamed_and_the_view_says_why(open_page):
    view = open_page(rlv.Explorer(toy.toy_study(num_trajectories=1, num_steps=70)))
    view.expect_step(0)
    legend = view.root.get_by_role("region", name="Legend")
    eventually(lambda: view.features.nth(1).dblclick() or legend.get_by_role("status").inner_text(), NEEDS)
    expect(view.root.get_by_role("textbox", name="Name of saw")).to_have_count(0)
    expect(view.features.nth(1)).to_contain_text("saw")


def test_the_legend_is_worked_by_keys_and_only_one_row_is_a_stop(open_page):
    view = open_page(rlv.Explorer(toy.toy_study(num_trajectories=1, num_steps=70), step=20))
    view.expect_step(20)
    keyboard, rows = view.root.page.keyboard, view.features
    view.root.get_by_role("button", name="Rename coin").wait_for(state="attached")
    rows.nth(0).focus()
    # The keys come with the extras, a moment after the first picture.
    eventually(lambda: keyboard.press("2") or rows.nth(1).get_attribute("aria-pressed"), "true")
    for key, focused in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
        keyboard.press(key)
        expect(rows.nth(focused)).to_be_focused()
    keyboard.press("Space")
    expect(rows.nth(1)).to_have_attribute("aria-pressed", "false")
    view.expect_step_only(20)
    keyboard.press("ArrowRight")
    view.expect_step(21)  # time goes on to belong to the arrows that point along it
    stops = view.root.get_by_role("group", name="Features").locator("button:not([tabindex='-1'])")
    assert [stop.get_attribute("aria-label") or "row" for stop in stops.all()] == [
        "Colour of saw",
        "Open saw",
        "row",
        "Rename saw",
    ]


def test_two_hundred_features_scroll_are_sorted_when_asked_and_filtered(open_page):
    study = many_features(200)
    view = open_page(rlv.Explorer(study, step=30))
    view.expect_step(30)
    group = view.root.get_by_role("group", name="Features")
    expect(view.features).to_have_count(201)
    height, content = group.evaluate("(rows) => [rows.clientHeight, rows.scrollHeight]")
    assert content > 200 * 30
    assert height < 450, "the list scrolls instead of growing"
    expect(view.features.nth(200)).to_be_in_viewport()  # the residual stays in sight
    search = view.root.get_by_role("searchbox", name="Filter features by name")
    search.wait_for(timeout=LONG)
    view.button("Sort by strength").click()
    total = np.abs(study["layers/2b/outputs/value"]["total"].values[0, 30])
    names = study["layers/2b"]["feature_name"].values
    expected = [str(names[k]) for k in np.argsort(-total, kind="stable")[:6]]
    shown = group.locator(".rlv-name")
    assert shown.all_inner_texts()[:6] == expected
    view.slider.fill("31")
    view.expect_step(31)
    assert shown.all_inner_texts()[:6] == expected, "nothing jumps when the step changes"
    search.fill("feature 19")
    eventually(lambda: group.locator(".rlv-row:visible").count(), 11 + 1)
    search.press("Escape")
    eventually(lambda: group.locator(".rlv-row:visible").count(), 201)
    view.expect_step_only(31)


def test_numbers_on_hover_carry_their_unit_and_say_what_they_are_a_share_of(open_page):
    study = toy.toy_study(num_trajectories=1, num_steps=70)
    view = open_page(rlv.Explorer(study, step=12))
    view.expect_step(12)
    output = study["layers/2b/outputs/value"]
    total, residual = output["total"].values[0, 12].astype(float), float(output["residual_total"].values[0, 12])
    share = 100 * abs(total[0]) / (np.abs(total).sum() + abs(residual))
    eventually(lambda: view.features.nth(0).hover() or "raw reward" in (title_of(view, 0) or ""), True)
    name, number, shares = title_of(view, 0).splitlines()
    assert name == "coin"
    assert re.match(r"^\+\d\.\d+ raw reward of value, summed over the picture$", number)
    assert float(re.search(r"[\d.]+", number)[0]) == pytest.approx(total[0], abs=1e-3)
    assert shares == f"{share:.0f} % of the sizes of all totals here, residual included"
    view.features.nth(4).hover()
    eventually(lambda: "7.0 % of |A|: cell by cell" in (title_of(view, 4) or ""), True)


def title_of(view, row):
    return view.features.nth(row).get_attribute("title")


def test_a_cell_is_picked_by_pointer_and_keys_and_its_numbers_are_the_study_s(open_page):
    study = toy.toy_study(num_trajectories=1, num_steps=70)
    view = open_page(rlv.Explorer(study, step=25))
    view.expect_step(25)
    place = view.root.locator(".rlv-raises .rlv-place")
    expect(place).to_have_attribute("tabindex", "0", timeout=LONG)
    box = place.bounding_box()
    place.click(position={"x": box["width"] * (12.5 / 32), "y": box["height"] * (9.5 / 32)})
    inspector = view.root.get_by_role("region", name="Cell inspector")
    expect(inspector).to_contain_text("row 9, column 12", timeout=LONG)
    expect_numbers(inspector, study, 25, 9, 12)
    keyboard = view.root.page.keyboard
    keyboard.press("Alt+ArrowDown")
    expect(inspector).to_contain_text("row 10, column 12")
    keyboard.press("ArrowRight")
    view.expect_step(26)
    expect_numbers(inspector, study, 26, 10, 12)
    expect(inspector.get_by_role("region", name="Trace")).to_contain_text("needs a kernel: open the notebook")
    inspector.get_by_role("button", name="saw", exact=True).focus()
    keyboard.press("Escape")
    expect(inspector).to_have_count(0)
    expect(place).to_be_focused()
    keyboard.press("Enter")
    expect(inspector).to_contain_text("row 16, column 16")
    view.button("Close the cell inspector").click()
    expect(inspector).to_have_count(0)


def expect_numbers(inspector, study, step, row, column):
    """Assert that the inspector lists what the study holds of a cell, and its sum."""
    node = study["layers/2b/outputs/value"].to_dataset().isel(trajectory=0, step=step, y=row, x=column)
    scale = float(node["scale"])
    expected = [*(scale * node["attribution"].values.astype(float)), scale * float(node["residual"])]
    expected.append(sum(expected))

    def numbers():
        texts = inspector.locator("td.rlv-number").all_inner_texts()
        return [float(text.replace("−", "-")) for text in texts if text != "–"]

    eventually(lambda: np.allclose(numbers(), expected, atol=6e-5) if len(numbers()) == 6 else numbers(), True)
