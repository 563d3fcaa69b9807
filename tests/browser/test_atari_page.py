"""Atari studies on a page: tall frames stay tall, grey ones grey, and nothing is offered that needs emulator states."""

import numpy as np
import pytest
from explorer_page import LONG, ExplorerPage, eventually
from grid_page import GridPage
from playwright.sync_api import expect
from test_atari import BREAKOUT, breakout_agent

import rlvision_widgets as rlv
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets.poster import composite

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEP, NUM_STEPS = 12, 24
WORLDS = {
    "tall": {"observation_shape": (210, 160, 3), "environment": {"name": BREAKOUT}, "value": False},
    "grey": {
        "observation_shape": (84, 84, 1),
        "environment": {"name": BREAKOUT, "preprocessing": "atari"},
        "stack": 4,
    },
}


@pytest.fixture(scope="module", params=WORLDS)
def study(request):
    agent = breakout_agent(**WORLDS[request.param])
    small = {"num_trajectories": 2, "num_steps": NUM_STEPS, "observations": (4, 4, 4)}
    return rlv.build_study(agent, **small, layers=["trunk.1"], progress=False)


@pytest.fixture
def open_page(browser, tmp_path):
    """Open the snapshot of a view; it must report no error."""
    pages, errors = [], []

    def open_view(view, theme="light"):
        save_snapshot(view, tmp_path / "page.html")
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.emulate_media(color_scheme=theme)
        page.goto((tmp_path / "page.html").as_uri())
        pages.append(page)
        return page

    yield open_view
    for page in pages:
        page.close()
    assert errors == []


def drawn(study, sign):
    """A panel as Python draws it."""
    (output,) = study["layers/trunk.1/outputs"].children.values()
    frame = output.dataset.isel(trajectory=0, step=STEP)
    strength = frame["attribution"].values * float(frame["scale"]) / output.attrs["display_scale"]
    colours = [list(bytes.fromhex(str(colour)[1:])) for colour in study["layers/trunk.1"]["colour"].values]
    return composite(study["observation"].values[0, STEP], sign * strength, np.array(colours, float))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_frames_and_attribution_are_the_study_s_in_their_own_shape(open_page, study, theme):
    view = ExplorerPage(open_page(rlv.Explorer(study, step=STEP), theme))
    view.expect_frame(study, 0, STEP)
    height, width = study.sizes["height"], study.sizes["width"]
    for panel, sign in (("raises", 1), ("lowers", -1)):
        expected = drawn(study, sign)
        assert expected.shape == (height, width, 3)
        eventually(lambda p=panel, e=expected: int(np.abs(view.pixels(p).astype(int) - e).max()) <= 1, True)
        box = view.root.locator(f".rlv-{panel} canvas.rlv-frame").bounding_box()
        assert box["height"] / box["width"] == pytest.approx(height / width, rel=0.01)


def test_what_only_an_emulator_knows_is_not_offered(open_page, study):
    view = ExplorerPage(open_page(rlv.Explorer(study, step=STEP)))
    view.expect_step(STEP)
    expect(view.root.locator(".rlv-episode")).to_contain_text("episode 1")
    expect(view.root.locator(".rlv-episode")).not_to_contain_text("level")
    view.button("objects").click()
    expect(view.root.locator(".rlv-objects-missing")).to_contain_text("states of the emulator", timeout=LONG)
    expect(view.root.get_by_role("button", name="Find the objects")).to_be_hidden()
    has_value = "value" in study
    told = view.root.locator(".rlv-reading-value").inner_text()
    assert ("no value head" in told) != has_value
    symbols = view.root.locator(".rlv-policy .rlv-glyph")
    assert symbols.all_inner_texts()[:2] == ["·", "FIRE"]
    expect(symbols.nth(2).locator("svg")).to_be_visible()


def test_patches_of_a_feature_lie_where_they_were_seen(open_page, study):
    page = open_page(rlv.FeatureGrid(study))
    grid = GridPage(page.get_by_role("region", name="Feature grid"))
    expect(grid.picture).to_be_visible(timeout=LONG)
    box = grid.picture.bounding_box()
    node = study["layers/trunk.1"]
    rows, columns = node.attrs["layer_height"], node.attrs["layer_width"]
    assert box["height"] / box["width"] == pytest.approx(rows / columns, rel=0.1)
