"""Editing the agent within the explorer: by mouse and keyboard, on pages without Jupyter."""

import json
from urllib.parse import urlencode

import pytest
import toy
from editing_page import EditingPage
from explorer_page import LONG, eventually, settle
from instruments import instrument, kept
from playwright.sync_api import expect
from test_access import AXE
from test_counterfactual_view import ask

from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer

pytestmark = pytest.mark.browser
STEP = 240  # a saw is near: without its feature the agent thinks otherwise
SAW = "buzzsaw"
HEIGHTS = """(root) => [...root.querySelectorAll(".rlv-legend *, .rlv-timeline, .rlv-frames *")].map((one) => {
    const { width, height } = one.getBoundingClientRect();
    return `${one.className.baseVal ?? one.className} ${width} ${height} ${getComputedStyle(one).fontWeight}`;
})"""


@pytest.fixture
def open_page(browser):
    """Open an address; no error is left in the page."""
    pages, errors = [], []

    def open_view(address, width=1400):
        page = browser.new_page()
        page.set_viewport_size({"width": width, "height": 1000})
        instrument(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(address)
        page.locator("[data-ready]").first.wait_for()
        pages.append(page)
        return EditingPage(page)

    yield open_view
    for page in pages:
        page.close()
    assert errors == []


@pytest.fixture
def opened(open_page, harness):
    """The part is open, on a made-up agent."""

    def open_view(query="agent=1", **options):
        page = open_page(f"{harness}?step={STEP}&{query}", **options)
        page.open()
        return page

    return open_view


def get(page, name):
    return page.root.page.evaluate("(name) => rlv.model.get(name)", name)


def edits(page):
    """What each entry of the list is about, and how far it goes."""
    return [(edit["layer"], edit["feature"], edit["strength"], edit["enabled"]) for edit in get(page, "edits")]


# -- by mouse and keyboard --------------------------------------------------------------------------------------------


def test_a_switch_takes_its_feature_out_of_the_network_and_puts_it_back(opened):
    page = opened()
    before, after = page.values()
    assert before == after
    page.switch(SAW).click()
    eventually(lambda: edits(page), [("2b", 0, 1, True)])
    page.settle()
    assert page.values()[0] == before
    assert page.values()[1] != before
    expect(page.list).to_have_count(1)
    page.switch(SAW).click()
    page.settle()
    eventually(page.values, (before, before))
    assert edits(page) == [("2b", 0, 1, False)]
    page.section.get_by_role("button", name="Undo").click()
    eventually(lambda: edits(page), [("2b", 0, 1, True)])
    page.section.get_by_role("button", name="Undo").click()
    eventually(lambda: edits(page), [])
    expect(page.strength(SAW)).to_be_hidden()


def test_a_slider_shows_what_it_does_while_it_is_held_and_is_one_step_back(opened):
    page = opened()
    page.switch(SAW).click()
    page.settle()
    removed = page.values()
    box = page.strength(SAW).bounding_box()
    mouse, y = page.root.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + 0.75 * box["width"], y)
    mouse.down()
    mouse.move(box["x"] + 4, y, steps=6)
    eventually(lambda: page.values() != removed, True)
    assert edits(page) == [("2b", 0, 1, True)]  # nothing is kept yet
    mouse.up()
    eventually(lambda: edits(page)[0][2] < -1, True)
    assert len(get(page, "history")) == 2
    page.section.get_by_role("button", name="Undo").click()
    eventually(lambda: edits(page), [("2b", 0, 1, True)])
    page.settle()
    eventually(page.values, removed)


def test_everything_goes_by_keys_and_none_does_two_things(opened):
    page = opened()
    keyboard = page.root.page.keyboard
    page.rows.locator(".rlv-pin").first.focus()
    while not page.switch(SAW).evaluate("(one) => one === document.activeElement"):
        keyboard.press("Tab")
    keyboard.press("Space")
    eventually(lambda: edits(page), [("2b", 0, 1, True)])
    expect(page.strength(SAW)).to_have_attribute("tabindex", "0")  # once it is drawn as on
    keyboard.press("Tab")
    expect(page.strength(SAW)).to_be_focused()
    keyboard.press("ArrowLeft")
    eventually(lambda: edits(page), [("2b", 0, 0.95, True)])
    keyboard.press("0")
    eventually(lambda: edits(page)[0][2], 0)
    expect(page.switch(SAW)).to_have_attribute("aria-checked", "false")
    keyboard.press("End")
    eventually(lambda: edits(page)[0][2], 2)
    expect(page.strength(SAW)).to_have_attribute("aria-valuetext", "2.00")
    assert page.step == STEP
    assert get(page, "feature") is None
    assert not get(page, "playing")


def test_a_key_opens_and_escape_inside_closes_and_gives_the_focus_back(open_page, harness):
    page = open_page(f"{harness}?agent=1&step={STEP}")
    looks = page.root.evaluate(HEIGHTS)
    keyboard = page.root.page.keyboard
    page.slider.focus()
    keyboard.press("t")
    expect(page.section).to_be_visible(timeout=LONG)
    expect(page.toggle).to_have_attribute("aria-pressed", "true")
    page.section.get_by_role("spinbutton", name="levels").focus()
    keyboard.press("Escape")
    expect(page.section).to_have_count(0)
    expect(page.slider).to_be_focused()
    expect(page.rows.get_by_role("switch")).to_have_count(0)
    page.root.page.mouse.move(0, 0)
    eventually(lambda: page.root.evaluate(HEIGHTS), looks)


def test_taking_out_the_last_edit_leaves_the_focus_where_keys_go_on(opened):
    page = opened()
    page.switch(SAW).click()
    page.settle()
    page.section.get_by_role("button", name=f"Take out {SAW}").press("Enter")
    expect(page.list).to_have_count(0)
    page.settle()
    expect(page.section.get_by_role("button", name="Undo", exact=True)).to_be_focused()
    page.root.page.keyboard.press("Control+z")
    expect(page.list).to_have_count(1)


@pytest.mark.parametrize("change", ["undone", "another layer", "a layer without features"])
def test_a_slider_that_goes_leaves_the_focus_among_the_features(opened, change):
    page = opened()
    inside = page.root.page
    if change == "another layer":
        page.button("3a").click()
        expect(page.rows.get_by_role("switch")).to_have_count(8, timeout=LONG)
        page.button("2b").click()
    page.switch(SAW).click()
    page.strength(SAW).focus()
    name, value = ("edits", []) if change == "undone" else ("layer", "3a")
    inside.evaluate("([name, value]) => rlv.model.set(name, value)", [name, value])  # as Python does
    expect(page.strength(SAW)).to_be_hidden()
    eventually(lambda: page.rows.evaluate("(rows) => rows.contains(document.activeElement)"), True)
    assert edits(page) == ([] if change == "undone" else [("2b", 0, 1, True)])


def test_what_is_typed_is_no_command(opened):
    page = opened()
    page.switch(SAW).click()
    name = page.section.get_by_role("textbox", name="Name to keep these edits under")
    name.fill("")
    name.press_sequentially("tlm c")
    assert name.input_value() == "tlm c"
    expect(page.section).to_be_visible()
    assert (page.step, get(page, "objects")) == (STEP, "off")


# -- with the rest of the explorer ------------------------------------------------------------------------------------


def test_another_step_is_asked_about_and_answered(opened):
    page = opened("agent=1&latency=120")
    page.switch(SAW).click()
    page.settle()
    first = page.values()
    page.slider.fill("20")
    page.expect_step_only(20)
    page.settle()
    eventually(lambda: page.values() != first, True)
    page.slider.fill(str(STEP))
    page.settle()
    eventually(page.values, first)


def test_another_layer_has_switches_of_its_own_and_the_list_stays(opened):
    page = opened()
    page.switch(SAW).click()
    page.button("3a").click()
    expect(page.rows.get_by_role("switch")).to_have_count(8, timeout=LONG)
    eventually(lambda: page.rows.get_by_role("switch", checked=True).count(), 0)
    assert edits(page) == [("2b", 0, 1, True)]
    expect(page.list).to_have_count(1)
    page.button("2b").click()
    expect(page.switch(SAW)).to_have_attribute("aria-checked", "true")


def test_sorting_leaves_every_switch_with_its_feature(opened):
    page = opened()
    page.switch("coin").click()
    page.button("Sort by strength").click()
    expect(page.switch("coin")).to_have_attribute("aria-checked", "true")
    page.switch("gap below").click()
    eventually(lambda: [feature for _, feature, _, _ in edits(page)], [1, 6])


def test_both_agents_are_played_side_by_side(opened):
    page = opened()
    page.switch(SAW).click()
    page.race.click()
    expect(page.section.get_by_role("button", name="apart at", exact=False)).to_be_visible(timeout=LONG)
    assert page.step == STEP  # the explorer's own time does not move


def test_without_an_agent_nothing_can_be_switched_and_why_is_said(opened):
    page = opened("")
    expect(page.section.get_by_text("agent=")).to_be_visible()
    for switch in page.rows.get_by_role("switch").all():
        expect(switch).to_be_disabled()


@pytest.mark.parametrize(("width", "theme"), [(1400, "light"), (1400, "dark"), (700, "light"), (480, "dark")])
def test_it_fits_and_axe_finds_nothing_wrong(opened, axe, width, theme):
    page = opened(f"agent=1&theme={theme}", width=width)
    page.switch(SAW).click()
    page.race.click()
    page.settle()
    settle(page.root.page)
    wide, visible = page.root.evaluate("(root) => [root.scrollWidth, root.clientWidth]")
    assert wide <= visible
    page.root.page.evaluate(axe)
    assert page.root.page.evaluate(AXE, "#view") == []


def test_nothing_is_left_of_it(opened):
    page = opened()
    page.switch(SAW).click()
    page.race.click()
    page.toggle.click()
    expect(page.section).to_have_count(0)
    page.open()
    inside = page.root.page
    inside.evaluate("() => rlv.life.abort()")
    expect(inside.locator("#view > *")).to_have_count(0)
    eventually(lambda: kept(inside), [])
    assert inside.evaluate("() => rlv.listening()") == 0


# -- pages without a kernel -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(agent, built, tmp_path_factory):
    """A page of the toy agent, with one edited frame and race; and what Python answered."""
    study = built.copy()
    world_of(study, toy.ToyEnvironment)
    view = Explorer(study, agent=agent, step=3, editing=True)
    view.toggle(0)
    place = {"trajectory": 0, "step": 3, "edits": json.dumps(view.edits)}
    ask(view, "edited", **place, layer=view.layer, output=view.output)
    ask(view, "race", **place, num_steps=8, seed=-1)
    path = tmp_path_factory.mktemp("pages") / "edited.html"
    save_snapshot(view, path, progress=False)
    node = next(iter(study.children["edited"].children["frames"].children.values()))
    view.close()
    return path, [round(float(value), 2) for value in node.dataset["value"].values]


def test_a_page_shows_what_was_kept_and_says_what_the_rest_needs(open_page, saved):
    path, values = saved
    page = open_page(path.as_uri())
    page.settle()
    eventually(lambda: list(page.values()), values)
    page.race.click()
    expect(page.section.get_by_role("slider", name="Step played")).to_be_visible(timeout=LONG)
    page.slider.fill("5")
    page.expect_step_only(5)
    expect(page.section.get_by_text("kernel").first).to_be_visible()


def test_the_address_of_a_page_says_how_the_agent_is_edited(open_page, saved):
    path, values = saved
    page = open_page(f"{path.as_uri()}#{urlencode({'edits': '[]', 'editing': 'true'})}")
    expect(page.list).to_have_count(0)
    page = open_page(f"{path.as_uri()}#{urlencode({'edits': '[7]', 'step': 3})}")  # as it was saved
    page.settle()
    eventually(lambda: list(page.values()), values)
