"""Rows of panels, their outputs, styles and scales, on pages without a kernel."""

import re

import numpy as np
import pytest
import toy
import xarray as xr
from explorer_page import LONG, PIXELS, ExplorerPage, eventually
from playwright.sync_api import expect

from rlvision_widgets.schema import CHUNK
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer
from rlvision_widgets.widgets.article import article_hues, composite_like_article
from rlvision_widgets.widgets.poster import ENLARGED, composite, hatch

pytestmark = pytest.mark.browser
STEP = 20


@pytest.fixture(scope="module")
def study():
    """The toy study with a second output: RIGHT, which what raises the value lowers."""
    study = toy.toy_study()
    output = study["layers/2b/outputs/value"].to_dataset().copy(deep=True)
    for name in ("attribution", "residual", "total", "residual_total"):
        output[name] = -output[name]
    output.attrs["output"] = "RIGHT"
    study["layers/2b/outputs/RIGHT"] = xr.DataTree(output)
    return study


class RowsPage(ExplorerPage):
    """The view with its rows of panels."""

    @property
    def rows(self):
        """The rows, from above."""
        return self.root.locator(".rlv-row-of-panels")

    def outputs(self):
        """Return what each row says that it explains."""
        return self.rows.locator("select").evaluate_all("(selects) => selects.map(({ value }) => value)")

    def shown(self, panel, row=0, canvas="rlv-frame"):
        """Return the pixels of a row's panel: (height, width, rgba) uint8."""
        height, width, data = self.rows.nth(row).locator(f".rlv-{panel} canvas.{canvas}").evaluate(PIXELS)
        return np.array(data, np.uint8).reshape(height, width, 4)

    def expect_picture(self, expected, panel, row=0):
        """Assert that a panel becomes what Python draws, up to rounding."""

        def differs():
            found = self.shown(panel, row)[..., :3].astype(int)
            return found.shape == expected.shape and int(np.abs(found - expected).max()) <= 1

        eventually(differs, True)

    def open_settings(self):
        """Open the menu by keyboard."""
        self.button("Settings").focus()
        self.root.page.keyboard.press("Enter")
        menu = self.root.get_by_role("dialog", name="Settings")
        expect(menu.get_by_role("radio", name=re.compile("^this step"))).to_be_visible(timeout=LONG)
        return menu


@pytest.fixture
def open_page(browser, tmp_path):
    pages, errors = [], []

    def open_view(study, **traits):
        path = tmp_path / f"{len(pages)}.html"
        save_snapshot(Explorer(study, **traits), path)
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(path.as_uri())
        pages.append(page)
        return RowsPage(page)

    browser.set_offline(True)
    yield open_view
    browser.set_offline(False)
    for page in pages:
        page.close()
    assert errors == []


def strength(study, trajectory, step, output="value"):
    """Return a step's attribution in units of the output: (y, x, feature)."""
    frame = study[f"layers/2b/outputs/{output}"].dataset.isel(trajectory=trajectory, step=step)
    return frame["attribution"].values * np.float64(frame["scale"])


def scale(study, output="value"):
    return study[f"layers/2b/outputs/{output}"].attrs["display_scale"]


def colours(study):
    return np.array([list(bytes.fromhex(str(colour)[1:])) for colour in study["layers/2b"]["colour"].values], float)


def seen(study, trajectory, step):
    return study["observation"].values[trajectory, step]


def test_each_row_draws_its_own_output(open_page, study):
    view = open_page(study, trajectory=1, step=STEP, more_outputs=["RIGHT"])
    view.expect_step_only(STEP)
    assert view.outputs() == ["value", "RIGHT"]
    for row, output in enumerate(["value", "RIGHT"]):
        for panel, sign in (("raises", 1), ("lowers", -1)):
            drawn = sign * strength(study, 1, STEP, output) / scale(study, output)
            view.expect_picture(composite(seen(study, 1, STEP), drawn, colours(study)), panel, row)
    assert not np.array_equal(view.shown("raises", 0), view.shown("raises", 1))


def test_rows_are_added_moved_chosen_and_removed_by_keyboard(open_page, study):
    view = open_page(study, step=STEP)
    view.expect_step_only(STEP)
    keyboard = view.root.page.keyboard
    view.button("+ row").focus()
    keyboard.press("Enter")
    eventually(view.outputs, ["value", "value"])
    view.root.get_by_role("combobox", name="Output of row 2").select_option("RIGHT")
    eventually(view.outputs, ["value", "RIGHT"])
    up = view.button("Move row 2 up")
    expect(up).to_be_visible(timeout=LONG)
    up.focus()
    keyboard.press("Enter")
    eventually(view.outputs, ["RIGHT", "value"])
    expect(view.root.locator(":focus")).to_have_attribute("aria-label", "Move row 1 down")
    keyboard.press("Tab")
    keyboard.press("Enter")
    eventually(view.outputs, ["value"])
    expect(view.root.locator(":focus")).to_have_attribute("aria-label", "Output")
    assert view.step == STEP


def test_the_legend_and_status_show_the_row_that_was_clicked(open_page, study):
    view = open_page(study, trajectory=1, step=STEP, more_outputs=["RIGHT"])
    total = float(study["layers/2b/outputs/value"]["total"].values[1, STEP, 0])
    legend = view.root.get_by_role("group", name="Features")
    number = legend.locator(".rlv-number").first

    def sign_shown():
        return number.inner_text()[0]

    signs = "+−" if total > 0 else "−+"
    eventually(sign_shown, signs[0])
    view.rows.nth(1).locator("figcaption").first.click()
    eventually(sign_shown, signs[1])
    expect(view.rows.nth(1)).to_have_attribute("aria-current", "true")
    expect(view.root.locator(".rlv-reading-output")).to_be_visible()
    expect(view.rows.nth(1).get_by_role("img", name=re.compile("^Totals of"))).to_be_visible(timeout=LONG)


@pytest.mark.parametrize("overlay", [True, False])
def test_the_article_s_style_is_python_s_pixel_by_pixel(open_page, study, overlay):
    view = open_page(study, trajectory=2, step=STEP, look="article", overlay=overlay)
    for panel, sign in (("raises", 1), ("lowers", -1)):
        drawn = sign * strength(study, 2, STEP) / scale(study)
        expected = composite_like_article(seen(study, 2, STEP), drawn, article_hues(4), overlay=overlay)
        view.expect_picture(expected, panel)
    swatch = view.root.get_by_role("group", name="Features").locator(".rlv-swatch").first
    eventually(lambda: swatch.evaluate("(e) => getComputedStyle(e, '::before').backgroundColor"), "rgb(255, 0, 0)")


def test_lowering_cells_of_both_signs_together_are_hatched_as_in_python(open_page, study):
    view = open_page(study, trajectory=1, step=STEP, combine=True)
    value = strength(study, 1, STEP)
    size = np.abs(value) / scale(study)
    flat = composite(seen(study, 1, STEP), size, colours(study))
    view.expect_picture(flat, "both")
    expect(view.rows.first.get_by_text("hatched: lowers")).to_be_visible()
    eventually(lambda: bool(view.shown("both", canvas="rlv-hatch").any()), True)
    lines = view.shown("both", canvas="rlv-hatch").astype(float)
    enlarged = flat.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    opacity = 0.9 * np.sqrt(np.minimum(1, size.sum(axis=-1)))
    expected = hatch(enlarged, value.sum(axis=-1) < 0, opacity)
    over = enlarged * (1 - lines[..., 3:] / 255)
    assert lines[..., :3].max() == 0
    assert np.abs(over - expected).max() <= 1.5
    assert 0 < (lines[..., 3] > 0).mean() < 0.25


def test_change_mode_draws_the_difference_to_the_step_before_also_from_another_chunk(open_page, study):
    view = open_page(study, trajectory=1, step=CHUNK, mode="change")
    view.expect_step_only(CHUNK)
    change = (strength(study, 1, CHUNK) - strength(study, 1, CHUNK - 1)) / scale(study)
    for panel, sign in (("raises", 1), ("lowers", -1)):
        view.expect_picture(composite(seen(study, 1, CHUNK), sign * change, colours(study)), panel)
    expect(view.rows.first.get_by_text("up since last step")).to_be_visible()
    view.slider.fill("0")
    expect(view.rows.first.get_by_text("No earlier step")).to_be_visible(timeout=LONG)
    numbers = view.root.get_by_role("group", name="Features").locator(".rlv-number")
    eventually(lambda: {text.strip() for text in numbers.all_inner_texts()}, {"–"})


def test_the_scale_says_which_it_is_and_a_change_shows(open_page, study):
    view = open_page(study, trajectory=1, step=STEP)
    legend = view.rows.first.locator(".rlv-colour-scale")
    expect(legend).to_contain_text("of the whole study", timeout=LONG)
    expect(legend).to_contain_text(re.compile(r"0\.0\d+ raw reward"))
    before = view.shown("raises")
    menu = view.open_settings()
    menu.get_by_role("radio", name=re.compile("^the study's")).focus()
    view.root.page.keyboard.press("ArrowDown")
    expect(legend).to_contain_text("of this trajectory")
    eventually(lambda: np.array_equal(view.shown("raises"), before), False)
    assert view.step == STEP
    view.root.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(view.button("Settings")).to_be_focused()


def test_settings_and_help_are_there_without_a_kernel_but_no_composer(open_page, study):
    view = open_page(study, step=STEP)
    menu = view.open_settings()
    menu.get_by_role("checkbox", name=re.compile("^combine")).check()
    expect(view.rows.first.locator(".rlv-both canvas.rlv-frame")).to_be_visible()
    view.root.page.keyboard.press("Escape")
    view.button("Help").click()
    expect(view.root.get_by_role("dialog", name="Help")).to_contain_text("sensitive to flashing light", timeout=LONG)
    expect(view.button("Compose another output")).to_be_hidden()
    options = view.rows.first.get_by_role("combobox", name="Output").locator("option").all_inner_texts()
    assert sorted(option.split()[-1] for option in options) == ["RIGHT", "value"]


def test_one_panel_is_enlarged_and_esc_brings_the_others_back(open_page, study):
    view = open_page(study, step=STEP)
    view.expect_step_only(STEP)
    lowers = view.rows.first.locator(".rlv-lowers")
    enlarge = lowers.get_by_role("button", name="Enlarge this panel")
    enlarge.focus()
    view.root.page.keyboard.press("Enter")
    expect(view.rows.first.locator(".rlv-observation")).to_be_hidden()
    expect(lowers).to_be_visible()
    view.root.page.keyboard.press("Escape")
    expect(view.rows.first.locator(".rlv-observation")).to_be_visible()


def test_badges_say_what_is_beyond_the_study_s_99th_percentile(open_page, study):
    errors = study["layers/2b/outputs/value"]["completeness_error"].values
    trajectory, step = np.unravel_index(np.abs(errors).argmax(), errors.shape)
    assert abs(errors[trajectory, step]) < 0.1  # within the tolerance: unusual, not wrong
    view = open_page(study, trajectory=int(trajectory), step=int(step))
    reading = view.root.locator(".rlv-reading-error")
    expect(reading).to_contain_text("high", timeout=LONG)
    expect(reading).to_have_attribute("title", re.compile("above 99 % of this study's steps"))
    expect(view.root.locator(".rlv-reading-rest")).to_contain_text("R² 0.93")
    usual = int(np.abs(errors[trajectory]).argmin())
    view.slider.fill(str(usual))
    view.expect_step_only(usual)
    expect(reading).not_to_contain_text("high")


def resized(study, height, width, rows, columns):
    """Return the study with larger frames (grey noise) and another layer's grid of cells."""
    rng = np.random.default_rng(3)
    study = study.copy(deep=True)
    for name in ("observations", "states"):
        del study[name]
    del study["layers/2b"]["examples"]
    root = study.to_dataset(inherit=False)
    grey = rng.integers(0, 256, (root.sizes["trajectory"], root.sizes["step"], height, width, 1), np.uint8)
    dims = ("trajectory", "step", "height", "width", "rgb")
    study.dataset = root.drop_vars("observation").assign(observation=(dims, grey.repeat(3, axis=-1)))
    samples = study["observation"].values[0, :24]
    study["observations"] = xr.DataTree(xr.Dataset({"observation": (("sample", *dims[2:]), samples)}))
    layer = study["layers/2b"]
    layer.attrs.update(layer_height=rows, layer_width=columns)
    for node in layer["outputs"].children.values():
        data = node.to_dataset()
        node.dataset = data.isel(y=np.arange(rows) % data.sizes["y"], x=np.arange(columns) % data.sizes["x"])
    return study


def test_frames_of_an_atari_game_keep_their_shape(open_page, study):
    tall = resized(study, 210, 160, 27, 20)
    view = open_page(tall, trajectory=1, step=STEP, combine=True)
    view.expect_picture(seen(tall, 1, STEP), "observation")
    size = np.abs(strength(tall, 1, STEP)) / scale(tall)
    view.expect_picture(composite(seen(tall, 1, STEP), size, colours(tall)), "both")
    box = view.rows.first.locator(".rlv-both canvas.rlv-frame").bounding_box()
    assert box["height"] / box["width"] == pytest.approx(210 / 160, rel=0.02)


def test_a_step_whose_attribution_is_no_number_says_so_and_others_are_drawn(open_page, study):
    broken = study.copy(deep=True)
    output = broken["layers/2b/outputs/value"]
    for name in ("scale", "completeness_error", "residual_total"):
        output[name].values[1, STEP] = np.nan
    output["total"].values[1, STEP] = np.nan
    view = open_page(broken, trajectory=1, step=STEP)
    expect(view.rows.first.get_by_text("is not a number")).to_be_visible(timeout=LONG)
    expect(view.root.locator(".rlv-reading-error .rlv-value")).to_have_text("–")
    view.slider.fill(str(STEP + 1))
    view.expect_attribution(broken, 1, STEP + 1)
    expect(view.rows.first.get_by_text("is not a number")).to_be_hidden()


@pytest.mark.parametrize("names", [[], ["FIRE"]], ids=["no names", "one action"])
def test_any_policy_has_its_bar(open_page, names):
    odd = toy.toy_study()
    odd.attrs["action_names"] = names
    if names:
        root = odd.to_dataset(inherit=False)
        odd.dataset = root.isel(logit=slice(0, 1)).assign(action=root["action"] * 0)
    view = open_page(odd, trajectory=1, step=STEP)
    view.expect_step(STEP)
    bars = view.root.locator(".rlv-action")
    expect(bars).to_have_count(len(names) or odd.sizes["logit"], timeout=LONG)
    expect(view.root.locator(".rlv-action[data-sampled]")).to_have_count(1)
    if names:
        expect(bars.first).to_contain_text("1.0")
        expect(bars.first).to_have_attribute("title", re.compile("entropy 0.00 of 0.00 nats"))


def test_an_agent_without_a_value_shows_its_policy_alone(open_page, study):
    policy = study.copy(deep=True)
    policy.dataset = policy.to_dataset(inherit=False).drop_vars(["value", "advantage", "final_value"])
    del policy["layers/2b/outputs"]["value"]
    view = open_page(policy, trajectory=1, step=STEP, output="RIGHT")
    view.expect_step(STEP)
    expect(view.root.locator(".rlv-reading-value")).to_contain_text("no value head")
    expect(view.root.locator(".rlv-reading-output")).to_contain_text("RIGHT")
    drawn = strength(policy, 1, STEP, "RIGHT") / scale(policy, "RIGHT")
    view.expect_picture(composite(seen(policy, 1, STEP), drawn, colours(policy)), "raises")


def test_a_study_of_one_step_is_shown(open_page):
    single = toy.toy_study(num_trajectories=1, num_steps=1)
    view = open_page(single)
    view.expect_frame(single, 0, 0)
    expect(view.root.locator(".rlv-reading-last")).to_contain_text("new episode")
    view.expect_attribution(single, 0, 0)


@pytest.fixture
def live(browser, harness):
    """A view with a kernel that computes, on a synthetic study."""
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{harness}?agent=1&step={STEP}")
    view = RowsPage(page)
    view.expect_step_only(STEP)
    yield view
    page.close()
    assert errors == []


def test_a_contrast_is_composed_by_keyboard_and_computed(live):
    keyboard = live.root.page.keyboard
    live.button("Compose another output").focus()
    keyboard.press("Enter")
    composer = live.root.get_by_role("dialog", name="Compose another output")
    kinds = composer.get_by_role("radio")
    expect(kinds.first).to_be_visible(timeout=LONG)
    kinds.first.focus()
    for _ in range(3):
        keyboard.press("ArrowDown")
    expect(composer.get_by_role("radio", name=re.compile("^log-probability"))).to_be_checked()
    keyboard.press("ArrowDown")
    expect(composer).to_contain_text("Choose two actions")
    for action in ("UP", "DOWN"):
        composer.get_by_role("button", name=action, exact=True).focus()
        keyboard.press("Enter")
    expect(composer).to_contain_text("UP minus DOWN · ○ to be computed")
    assert live.step == STEP  # the arrow keys were the menu's
    composer.get_by_role("button", name="Explain it").focus()
    keyboard.press("Enter")
    expect(live.button("Compose another output")).to_be_focused()
    eventually(live.outputs, ["difference:UP,DOWN"])
    expect(live.rows.first.get_by_text("Explaining UP minus DOWN")).to_be_visible(timeout=LONG)
    expect(live.rows.first.get_by_text("raises UP minus DOWN")).to_be_visible()
    expect(live.rows.first.locator(".rlv-empty")).to_be_hidden(timeout=LONG)
    chosen = live.rows.first.get_by_role("combobox", name="Output").locator("option:checked")
    expect(chosen).to_have_text("UP minus DOWN")


def test_what_is_not_computed_has_a_hollow_dot_and_can_be_cancelled(live):
    outputs = live.rows.first.get_by_role("combobox", name="Output")
    assert "○" in outputs.locator('option[value="LEFT"]').inner_text()
    assert "○" not in outputs.locator('option[value="RIGHT"]').inner_text()
    outputs.select_option("LEFT")
    cancel = live.rows.first.get_by_role("button", name="Cancel", exact=True)
    cancel.click()
    expect(live.rows.first.get_by_role("button", name="Compute", exact=True)).to_be_visible()
    expect(live.rows.first.get_by_text("LEFT logit at layer 2b is not computed")).to_be_visible()
