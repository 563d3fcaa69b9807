"""A comparison opened from its file without any network, by mouse and keyboard."""

import numpy as np
import pytest
from compare_page import ACTED, ENDED, SEEN, ComparePage, parted_studies
from explorer_page import LONG, eventually
from playwright.sync_api import expect

from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Compare

pytestmark = pytest.mark.browser

# Where everything lies, but for what is meant to move, and for numbers whose width is theirs.
BOXES = """() => [...document.querySelectorAll(".rlv-compare *")]
    .filter((element) => element.offsetParent && !element.closest(".rlv-cursor, .rlv-readings"))
    .map((element) => [element.className, element.offsetTop])"""


@pytest.fixture(scope="module")
def studies():
    return parted_studies()


@pytest.fixture(scope="module")
def file(studies, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "compare.html"
    save_snapshot(Compare(*studies, align="level", step=2), path, progress=False)
    return path


@pytest.fixture
def opened(browser, file):
    page = browser.new_page()
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    browser.set_offline(True)
    page.goto(file.as_uri())
    page.locator("[data-ready]").wait_for()
    yield ComparePage(page)
    browser.set_offline(False)
    page.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []


def test_it_opens_as_saved_with_every_member_s_own_frame(opened, studies):
    opened.expect_step(2)
    opened.expect_frames(*(study["observation"].values[0, 2] for study in studies))
    assert opened.members.count() == 2
    for member, name in zip(opened.members.all(), ("made-up agent", "another agent"), strict=True):
        expect(member.get_by_role("button", name=name)).to_be_visible()
    expect(opened.root.locator(".rlv-plot")).to_be_visible(timeout=LONG)


def test_keys_move_all_members_together(opened, studies):
    opened.slider.focus()
    keyboard = opened.root.page.keyboard
    for key, step in (("ArrowRight", 3), ("ArrowLeft", 2), ("Home", 0), ("PageDown", ACTED), ("PageDown", SEEN)):
        keyboard.press(key)
        opened.expect_step(step)
    opened.expect_frames(*(study["observation"].values[0, SEEN] for study in studies))
    keyboard.press("End")
    opened.expect_step(10)
    over = opened.members.nth(1).locator(".rlv-over")
    expect(over).to_contain_text("3 steps ago")
    expect(opened.members.nth(0).locator(".rlv-over")).to_be_hidden()
    opened.expect_frames(studies[0]["observation"].values[0, 10], studies[1]["observation"].values[0, ENDED - 1])
    keyboard.press("Home")
    keyboard.press(" ")
    eventually(lambda: opened.step > 0, True)
    keyboard.press(" ")
    opened.root.page.wait_for_timeout(300)  # the step that was under way is still painted
    here = opened.step
    opened.root.page.wait_for_timeout(500)  # six steps, were it still playing
    assert opened.step == here


def test_the_step_at_which_members_part_is_named_and_one_click_away(opened, studies):
    opened.button(f"observations differ from step {SEEN}").click()
    opened.expect_step(SEEN)
    opened.button(f"actions differ from step {ACTED}").click()
    opened.expect_step(ACTED)
    names = [study.attrs["action_names"][int(study["action"].values[0, ACTED])] for study in studies]
    actions = opened.root.locator('[data-name="actions"]:visible')
    expect(actions).to_contain_text(f"A {names[0]}, B {names[1]}")
    opened.slider.fill(str(ACTED - 1))
    expect(actions).to_contain_text("same")


def test_pixels_that_differ_are_shown_on_demand(opened, studies):
    opened.slider.focus()
    opened.slider.fill(str(SEEN + 1))
    expect(opened.root.locator(".rlv-pixels:visible")).to_have_count(0)
    opened.root.page.keyboard.press("d")
    one, other = (study["observation"].values[0, SEEN + 1].astype(int) for study in studies)
    expected = np.abs(one - other).max(-1)
    eventually(lambda: bool((opened.difference() == expected).all()), True)
    share = f"{100 * (expected > 0).mean():.1f} % differ"
    expect(opened.root.locator(".rlv-pixels:visible")).to_contain_text(share)
    opened.slider.fill("0")
    expect(opened.root.locator(".rlv-pixels:visible")).to_contain_text("same pixels")
    opened.slider.fill(str(ENDED + 1))
    expect(opened.root.locator(".rlv-pixels:visible")).to_contain_text("no step in both")
    assert not opened.difference().any()
    opened.slider.fill(str(SEEN + 1))
    expect(opened.root.locator(".rlv-pixels:visible")).to_contain_text(share)
    opened.button("pixels").click()
    expect(opened.root.locator(".rlv-pixels:visible")).to_have_count(0)


def test_dragging_the_curves_scrubs_and_aligning_keeps_the_moment(opened):
    expect(opened.root.locator(".rlv-plot")).to_be_visible(timeout=LONG)
    opened.drag(0.1, 0.6)
    assert opened.step == 6
    opened.choose("Aligned at", "step")
    expect(opened.slider).to_have_attribute("max", "129")
    opened.expect_step(6)
    opened.slider.fill("60")
    opened.choose("Aligned at", "end")
    expect(opened.root.locator(".rlv-transport")).to_contain_text("steps from end of the first episode")
    expect(opened.root.locator(".rlv-steps")).to_have_text("0")


def test_a_click_on_a_member_makes_it_the_one_to_compare_with(opened):
    expect(opened.root.get_by_text("B compared with A")).to_be_visible()
    opened.members.nth(1).get_by_role("button", name="another agent").click()
    expect(opened.root.get_by_text("A compared with B")).to_be_visible()
    expect(opened.root.get_by_text("B compared with A")).to_be_hidden()


def test_a_feature_is_isolated_in_its_own_member_and_escape_brings_all_back(opened):
    chips = opened.members.nth(0).get_by_role("group", name="Features").get_by_role("button")
    chips.nth(1).click()
    expect(chips.nth(1)).to_have_attribute("aria-pressed", "true")
    others = opened.members.nth(1).get_by_role("group", name="Features").get_by_role("button")
    expect(others.nth(1)).to_have_attribute("aria-pressed", "false")
    opened.root.page.keyboard.press("Escape")
    expect(chips.nth(1)).to_have_attribute("aria-pressed", "false")
    opened.root.page.keyboard.press("Escape")
    assert opened.root.page.evaluate("() => document.activeElement === document.body")


def test_keys_outside_of_the_view_are_left_alone(opened):
    opened.root.page.keyboard.press("End")
    opened.root.page.wait_for_timeout(100)
    opened.expect_step(2)


def test_both_signs_in_one_panel(opened):
    opened.button("combine").click()
    for member in opened.members.all():
        expect(member.locator("canvas.rlv-frame:visible")).to_have_count(2)


@pytest.mark.parametrize("width", [1400, 700])
def test_nothing_is_wider_than_the_page_and_a_step_moves_nothing(opened, width):
    page = opened.root.page
    page.set_viewport_size({"width": width, "height": 900})
    expect(opened.root.locator(".rlv-plot")).to_be_visible(timeout=LONG)
    page.wait_for_timeout(200)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    before = page.evaluate(BOXES)
    opened.slider.fill("3")
    opened.expect_step(3)
    page.wait_for_timeout(100)
    assert page.evaluate(BOXES) == before
