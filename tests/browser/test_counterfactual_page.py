"""The counterfactual view on a page of its own, without Jupyter: every control by mouse and by keyboard."""

import re

import numpy as np
import pytest
from counterfactual_page import CounterfactualPage
from explorer_page import LONG, eventually
from instruments import instrument, kept
from playwright.sync_api import expect
from test_access import AXE, CONTROLS, walk

pytestmark = pytest.mark.browser

SAW, HIGH_SAW, ENEMY, CRATE, AGENT, COIN = (34, 50), (42, 30), (45, 50), (54, 50), (18, 50), (58, 34)


@pytest.fixture
def open_page(browser, harness):
    """Open the harness' page; it must report no error."""
    pages, errors = [], []

    def open_query(query="", *, width=1400, theme="light", **media):
        page = browser.new_page()
        instrument(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=theme, **media)
        page.goto(f"{harness.replace('harness.html', 'counterfactual.html')}?theme={theme}&{query}")
        page.locator("[data-ready]").first.wait_for()
        pages.append(page)
        view = CounterfactualPage(page)
        view.settle()
        return view

    yield open_query
    for page in pages:
        page.close()
    assert errors == []


def sent(view, method):
    """Return the parameters of all requests of a kind."""
    return view.root.page.evaluate(
        "(method) => rlv.sent.filter((one) => one.method === method).map(({ params }) => params)", method
    )


def test_hovering_names_an_object_and_a_click_selects_it(open_page):
    view = open_page()
    mouse, label = view.root.page.mouse, view.root.locator(".rlv-object-label")
    mouse.move(*view.at(*SAW))
    expect(label).to_have_text("saw at (8.5, 3.5) · 16 px")
    assert view.button("remove").get_attribute("aria-disabled") == "true"
    mouse.move(*view.at(5, 5))
    expect(label).to_be_hidden()
    view.click(*SAW)
    expect(view.root.get_by_role("toolbar", name="Selected object")).to_contain_text("saw at (8.5, 3.5)")
    expect(view.stage.get_by_role("option", selected=True)).to_have_text("saw at (8.5, 3.5) · 16 px")
    expect(view.table.filter(has_text="saw (8.5, 3.5)").get_by_role("button")).to_have_attribute("aria-pressed", "true")
    view.click(5, 5)
    expect(view.stage.get_by_role("option", selected=True)).to_have_count(0)


@pytest.mark.parametrize(("name", "said"), [("remove", "removed"), ("hide", "hidden"), ("ghost", "made a ghost")])
def test_the_toolbar_changes_the_selected_object(open_page, name, said):
    view = open_page()
    recorded, value = view.pixels(), view.value("before")
    view.click(*SAW)
    view.button(name).click()
    view.expect_edits(f"saw at (8.5, 3.5) {said}")
    assert np.array_equal(view.pixels("before"), recorded)
    assert np.array_equal(view.pixels("after"), view.pixels())
    assert np.array_equal(view.pixels(), recorded) == (name == "ghost")
    assert view.value("before") == value
    if name != "ghost":
        assert view.value("after") > value
    view.expect_said(rf"^saw at \(8.5, 3.5\) {said}\. Value ")


def test_a_copy_goes_where_there_is_room_and_looks_can_be_changed(open_page):
    view = open_page()
    view.click(*CRATE)
    view.button("duplicate").click()
    eventually(lambda: [text for text in view.edits() if text.startswith("crate added")] != [], True)
    view.settle()
    assert sum(text.startswith("crate") for text in view.objects()) == 2
    view.root.get_by_role("combobox", name="Look", exact=True).select_option("2")
    eventually(lambda: view.edits()[-1], "look 2 of crate at (13.5, 3.5)")


def test_dragging_moves_and_a_second_drag_of_the_same_is_one_move(open_page):
    view = open_page()
    view.drag(SAW, (34, 42), (34, 34))
    view.expect_edits("saw moved to (8.5, 7.5)")
    view.drag((34, 34), (26, 26))
    view.expect_edits("saw moved to (6.5, 9.5)")
    assert any(text.startswith("saw at (6.5, 9.5)") for text in view.objects())


def test_what_cannot_be_is_said_and_nothing_changes(open_page):
    view = open_page()
    view.click(*CRATE)
    view.button("remove").click()
    view.expect_edits("crate at (13.5, 3.5) removed")
    shown = view.pixels()
    view.drag(SAW, (34, 60))
    expect(view.notice).to_contain_text("an object inside a wall", timeout=LONG)
    view.expect_edits("crate at (13.5, 3.5) removed")
    assert np.array_equal(view.pixels(), shown)
    view.button("Dismiss").click()
    expect(view.notice).to_be_hidden()


def test_undo_redo_reset_and_taking_one_change_out(open_page):
    view = open_page()
    keyboard = view.root.page.keyboard
    recorded = view.pixels()
    for pixel, key in ((SAW, "remove"), (ENEMY, "hide")):
        view.click(*pixel)
        view.button(key).click()
        eventually(lambda: view.button("Redo").get_attribute("aria-disabled"), "true")
        view.settle()
    both = view.edits()
    assert len(both) == 2
    view.button("Undo").click()
    view.expect_edits(both[0])
    view.stage.focus()
    keyboard.press("Control+z")
    view.expect_edits()
    assert np.array_equal(view.pixels(), recorded)
    keyboard.press("Control+Shift+Z")
    view.expect_edits(both[0])
    view.button("Redo").click()
    view.expect_edits(*both)
    view.button(f"Take out: {both[0]}").click()
    view.expect_edits(both[1])
    view.button("Reset").click()
    view.expect_edits()
    keyboard.press("Control+z")
    view.expect_edits(both[1])


def test_the_keyboard_reaches_and_changes_every_object(open_page):
    view = open_page()
    keyboard = view.root.page.keyboard
    view.stage.focus()
    order = view.objects()
    for text in order:
        keyboard.press("ArrowRight")
        view.expect_said(f"^{re.escape(text)}")
    keyboard.press("Home")
    view.expect_said(f"^{re.escape(order[0])}$")
    keyboard.press("Enter")
    view.expect_said("selected$")
    expect(view.stage.get_by_role("option", selected=True)).to_have_text(order[0])
    assert order[0].startswith("saw at (10.5, 8.5)")
    keyboard.press("h")
    view.expect_edits("saw at (10.5, 8.5) hidden")
    keyboard.press("Shift+ArrowUp")
    view.expect_edits("saw at (10.5, 8.5) hidden", "saw moved to (10.5, 9)")
    keyboard.press("Shift+ArrowLeft")
    view.expect_edits("saw at (10.5, 8.5) hidden", "saw moved to (10, 9)")
    keyboard.press("d")
    eventually(lambda: len(view.edits()), 3)
    view.settle()
    keyboard.press("Delete")
    eventually(lambda: view.edits()[-1], "saw at (10, 9) removed")
    view.settle()
    keyboard.press("End")
    keyboard.press("g")
    eventually(lambda: view.edits()[-1].endswith("made a ghost"), True)
    view.settle()
    keyboard.press("Escape")
    view.expect_said("^Nothing is selected$")
    expect(view.stage).to_be_focused()


def test_something_is_put_in_by_mouse_and_by_keys(open_page):
    view = open_page()
    keyboard = view.root.page.keyboard
    view.button("coin").click()
    view.click(22, 22)
    view.expect_edits("coin added at (5.5, 10.5)")
    expect(view.button("coin")).to_have_attribute("aria-pressed", "true")
    keyboard.press("Escape")
    expect(view.button("coin")).to_have_attribute("aria-pressed", "false")
    view.button("as decoy").click()
    view.button("decoy coin").focus()
    keyboard.press("Enter")
    expect(view.stage).to_be_focused()
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        keyboard.press(key)
    view.expect_edits("coin added at (5.5, 10.5)", "coin added at (5.5, 4.5)")
    assert sent(view, "imagine")[-1]["edits"].endswith('{"kind":"decoy","what":"coin","at":[5.5,4.5]}]')


def test_the_world_as_a_whole_can_be_changed(open_page):
    view = open_page()
    recorded = view.pixels()
    view.button("world").click()
    view.root.get_by_role("combobox", name="background").select_option("1")
    view.expect_edits("background 1")
    assert not np.array_equal(view.pixels(), recorded)
    view.root.get_by_role("combobox", name="background").select_option("2")
    view.expect_edits("background 2")
    view.root.get_by_role("combobox", name="velocity box").select_option("shown")
    view.expect_edits("background 2", "velocity box shown")
    view.root.get_by_role("combobox", name="look of enemy").select_option("1")
    view.expect_edits("background 2", "velocity box shown", "look 1 of enemy")
    view.root.page.keyboard.press("Escape")
    expect(view.root.get_by_role("dialog", name="World")).to_be_hidden()
    expect(view.button("world")).to_be_focused()


def test_walls_of_a_maze_are_painted_and_the_cheese_is_dragged(open_page):
    view = open_page("maze=1")
    expect(view.root.get_by_text("The generator could have made this maze.")).to_be_visible()
    view.button("no wall").click()
    view.drag((18, 42), (18, 26))
    view.expect_edits(*(f"wall taken from cell 4,{row}" for row in (6, 7, 8)))  # 5 and 9 are open already
    expect(view.root.get_by_text(re.compile("could not have made this maze: it has a loop"))).to_be_visible()
    view.button("Undo").click()
    view.expect_edits()
    view.root.page.keyboard.press("Escape")
    expect(view.button("no wall")).to_have_attribute("aria-pressed", "false")
    view.drag((46, 18), (46, 42))
    view.expect_edits("cheese moved to (11.5, 5.5)")
    view.drag((10, 54), (10, 42))
    view.expect_edits("cheese moved to (11.5, 5.5)", "agent moved to (2.5, 5.5)")


def test_steps_and_trajectories_by_slider_field_and_keys(open_page):
    view = open_page()
    slider = view.root.get_by_role("slider", name="Step", exact=True)
    view.click(*SAW)
    view.button("remove").click()
    view.expect_edits("saw at (8.5, 3.5) removed")
    slider.focus()
    view.root.page.keyboard.press("ArrowRight")
    expect(view.root.get_by_role("spinbutton", name="Step number")).to_have_value("13")
    view.expect_edits("saw at (8.5, 3.5) removed")
    field = view.root.get_by_role("spinbutton", name="Step number")
    field.fill("4000")
    field.press("Enter")
    expect(slider).to_have_value("127")
    view.settle()
    view.button("Next trajectory").click()
    view.button("Next trajectory").click()
    expect(view.root.locator(".rlv-which")).to_have_text("3 of 3")
    view.expect_edits()
    view.root.get_by_role("combobox", name="Output").select_option("RIGHT")
    view.settle()
    assert sent(view, "imagine")[-1]["output"] == "RIGHT"


def test_the_last_wish_wins_while_the_kernel_is_slow(open_page):
    view = open_page("latency=500")
    slider = view.root.get_by_role("slider", name="Step", exact=True)
    for step in (20, 33, 61):
        slider.fill(str(step))
        view.root.page.wait_for_timeout(90)
    expect(view.root).to_have_attribute("data-stale", "")
    slider.fill("40")
    view.settle()
    assert sent(view, "imagine")[-1]["step"] == 40
    expect(slider).to_have_value("40")
    assert view.root.page.evaluate("() => rlv.model.get('step')") == 40
    assert view.root.page.evaluate("() => rlv.cancelled.length") > 0


def test_objects_are_sorted_and_point_at_the_frame(open_page):
    view = open_page()

    def column(number):
        texts = view.table.locator(f":scope > :nth-child({number})").all_inner_texts()
        return [abs(float(text.replace("−", "-"))) for text in texts if text not in {"–", ""}]

    lost = column(4)
    assert lost == sorted(lost, reverse=True)
    assert len(lost) == 5
    head = view.root.get_by_role("columnheader", name="attributed")
    head.get_by_role("button").click()
    eventually(lambda: column(3) == sorted(column(3), reverse=True), True)
    head.get_by_role("button").focus()
    view.root.page.keyboard.press("Enter")
    eventually(lambda: column(3) == sorted(column(3)), True)
    expect(view.root.get_by_role("columnheader", name="attributed")).to_have_attribute("aria-sort", "ascending")
    row = view.table.filter(has_text="crate")
    row.hover()
    expect(view.root.locator(".rlv-object-label")).to_have_text("crate at (13.5, 3.5) · 16 px")
    row.get_by_role("button").click()
    expect(view.stage.get_by_role("option", selected=True)).to_contain_text("crate")
    view.root.page.mouse.move(*view.at(*COIN))
    expect(view.table.filter(has_text="coin")).to_have_attribute("data-pointed", "")
    assert view.table.filter(has_text="wall").get_by_role("button").is_disabled()


def test_a_feature_is_shown_alone_where_it_is_pointed_at(open_page):
    view = open_page()
    lowers = view.root.locator('[data-side="before"] canvas').nth(2)
    picture = "(canvas) => canvas.toDataURL()"
    all_of_them = lowers.evaluate(picture)
    coin = view.root.get_by_role("group", name="Features").get_by_role("button", name="coin")
    coin.hover()
    eventually(lambda: lowers.evaluate(picture) != all_of_them, True)
    view.stage.hover()
    eventually(lambda: lowers.evaluate(picture) == all_of_them, True)
    coin.click()
    view.stage.hover()
    expect(coin).to_have_attribute("aria-pressed", "true")
    eventually(lambda: lowers.evaluate(picture) != all_of_them, True)


def test_playing_by_hand(open_page):
    view = open_page()
    page = view.root.page
    view.stage.focus()
    page.keyboard.press("p")
    expect(view.stage).to_have_attribute("role", "application")
    page.keyboard.press("ArrowLeft")
    view.expect_edits("played ←")
    page.keyboard.down("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.up("ArrowRight")
    eventually(lambda: view.edits()[0].startswith("played ← ↗"), True)
    view.settle()
    before = view.edits()[0]
    page.keyboard.press("Backspace")
    eventually(lambda: view.edits()[0] != before, True)
    view.settle()
    page.keyboard.down("ArrowRight")
    expect(view.root.get_by_text("the episode ended here: saw")).to_be_visible(timeout=LONG)
    page.keyboard.up("ArrowRight")
    page.keyboard.press("Escape")
    expect(view.stage).to_have_attribute("role", "listbox")
    assert view.button("play on from here").get_attribute("aria-disabled") == "true"
    view.button("play yourself").click()
    expect(view.stage).to_be_focused()
    page.keyboard.press("Backspace")
    expect(view.root.get_by_text("the episode ended here: saw")).to_have_count(0, timeout=LONG)
    page.keyboard.press("Escape")
    view.settle()


def test_whoever_plays_when_the_agent_goes_can_leave(open_page):
    view = open_page()
    view.stage.focus()
    view.root.page.keyboard.press("p")
    expect(view.stage).to_have_attribute("role", "application")
    view.root.page.evaluate("() => rlv.model.set('can_compute', false)")
    expect(view.stage).to_have_attribute("role", "listbox")
    view.root.page.keyboard.press("ArrowRight")
    expect(view.stage).to_have_attribute("aria-activedescendant", re.compile("entity|cell"))


def test_a_key_that_is_held_moves_no_faster_than_the_world(open_page):
    view = open_page("latency=150&selected=entity 2")
    page = view.root.page
    view.stage.focus()
    page.keyboard.down("Shift")
    for _ in range(12):  # as a keyboard repeats
        page.keyboard.down("ArrowUp")
        page.wait_for_timeout(30)
    page.keyboard.up("ArrowUp")
    page.keyboard.up("Shift")
    view.settle()
    (moved,) = page.evaluate("() => rlv.model.get('edits')")
    assert 0.5 <= moved["to"][1] - moved["at"][1] <= 2
    # Each place was seen before the next was asked for.
    asked = {one["id"] for one in page.evaluate("() => rlv.sent.filter(({ method }) => method === 'imagine')")}
    assert len(asked) > 1
    assert not asked & set(page.evaluate("() => rlv.cancelled"))


def test_the_focus_stays_in_the_view_when_what_had_it_goes(open_page):
    view = open_page()
    page = view.root.page
    page.evaluate("() => { rlv.kernel.latency = 5000; }")
    view.button("play on from here").focus()
    page.keyboard.press("Enter")
    view.button("stop").focus()
    page.keyboard.press("Enter")
    expect(view.button("stop")).to_be_hidden()
    expect(view.button("play on from here")).to_be_focused()
    page.evaluate("() => { rlv.kernel.state = 'closed'; }")
    page.keyboard.press("Enter")
    view.notice.get_by_role("button", name="Dismiss").press("Enter")
    expect(view.notice).to_be_hidden()
    expect(view.stage).to_be_focused()


def test_both_worlds_are_played_on_in_lock_step(open_page):
    view = open_page("num_steps=30", reduced_motion="reduce")
    view.click(*SAW)
    view.button("remove").click()
    eventually(lambda: len(view.edits()), 1)
    view.settle()
    view.button("play on from here").click()
    slider = view.root.get_by_role("slider", name="Step played on")
    expect(slider).to_have_value("0", timeout=LONG)
    frames = view.root.locator(".rlv-path-frames canvas")
    expect(frames.nth(0)).to_have_attribute("aria-label", "before, 0 steps on")
    view.root.locator(".rlv-path").get_by_role("button", name="Step forwards").click()
    for number, side in enumerate(("before", "after")):
        expect(frames.nth(number)).to_have_attribute("aria-label", f"{side}, 1 steps on")
    slider.focus()
    view.root.page.keyboard.press("End")
    expect(view.root.locator(".rlv-end")).to_have_text(["✕ saw", "✕ enemy"])
    view.root.locator(".rlv-path").get_by_role("button", name="Play").click()
    eventually(lambda: int(slider.input_value()) > 0, True)
    view.button("Reset").click()
    view.expect_edits()
    expect(view.root.locator(".rlv-path-body")).to_have_attribute("data-stale", "")


def test_branches_show_how_many_go_on(open_page):
    view = open_page("num_branches=16")
    field = view.root.get_by_role("spinbutton", name="Branches")
    field.fill("24")
    field.press("Enter")
    view.button("branch").click()
    expect(view.root.get_by_text(re.compile(r"before: \d+ % go on \(\d+–\d+, n = 24\)"))).to_be_visible(timeout=LONG)
    assert sent(view, "branch")[-1]["num_branches"] == 24
    field.fill("")
    field.press("Enter")
    expect(field).to_have_value("24")


def test_the_large_picture(open_page):
    view = open_page()

    def side():
        return view.stage.locator("canvas.rlv-frame").evaluate("(canvas) => canvas.width")

    view.button("512 px").click()
    eventually(side, 512)
    view.click(*SAW)
    view.button("remove").click()
    eventually(lambda: len(sent(view, "large")), 2)
    view.settle()
    eventually(side, 512)
    view.button("512 px").click()
    eventually(side, 64)


def test_a_page_without_a_kernel_flips_through_what_is_kept(open_page):
    view = open_page("offline=1")
    expect(view.root.get_by_text(re.compile("Computing others needs a kernel"))).to_be_visible()
    recorded = view.pixels()
    view.button("Next kept one").click()
    view.expect_edits("saw at (8.5, 3.5) removed")
    assert not np.array_equal(view.pixels(), recorded)
    view.root.get_by_role("combobox", name="Kept counterfactuals").select_option("0")
    view.expect_edits()
    assert np.array_equal(view.pixels(), recorded)
    assert view.root.get_by_role("slider", name="Step", exact=True).is_disabled()
    view.click(*SAW)
    assert view.button("remove").get_attribute("aria-disabled") == "true"
    view.stage.focus()
    view.root.page.keyboard.press("Delete")
    view.expect_said("without a kernel")
    view.expect_edits()


def test_without_an_agent_frames_can_be_looked_at(open_page):
    view = open_page("agent=0")
    expect(view.root.get_by_text(re.compile("No agent is connected"))).to_be_visible()
    assert any(text.startswith("saw at (8.5, 3.5)") for text in view.objects())
    expect(view.notice).to_be_hidden()
    view.root.get_by_role("slider", name="Step", exact=True).fill("60")
    view.settle()
    assert view.root.page.evaluate("() => rlv.model.get('step')") == 60


def test_a_kernel_that_has_gone_can_be_tried_again(open_page):
    view = open_page("kernel=closed")
    expect(view.notice).to_contain_text("The kernel cannot be reached")
    view.root.page.evaluate("() => { rlv.kernel.state = ''; }")
    view.notice.get_by_role("button", name="Try again").click()
    eventually(lambda: view.pixels().shape, (64, 64, 3))
    expect(view.notice).to_be_hidden()
    view.root.get_by_role("button", name="Try again").click()
    view.settle()
    expect(view.root.get_by_role("group", name="Features").get_by_role("button")).to_have_count(9)


WORKED = 'edits=[{"kind":"remove","what":"saw","at":[8.5,3.5]}]&selected=entity 2'
STATES = {"plain": "", "changed": WORKED, "maze": "maze=1", "offline": "offline=1", "no agent": "agent=0"}


@pytest.mark.parametrize(
    "look", [{"theme": "light"}, {"theme": "dark"}, {"width": 700}], ids=["light", "dark", "narrow"]
)
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_wrong(open_page, axe, state, look):
    view = open_page(STATES[state], **look)
    if state == "changed":
        view.button("play on from here").click()
        view.button("branch").click()
        expect(view.root.locator(".rlv-survival")).to_be_visible(timeout=LONG)
        view.button("world").click()
    view.root.page.wait_for_timeout(400)
    view.root.page.evaluate(axe)
    assert view.root.page.evaluate(AXE, "#view") == []


@pytest.mark.parametrize("width", [1400, 700])
def test_tab_reaches_every_control_in_the_order_of_the_page(open_page, width):
    view = open_page(WORKED, width=width)
    page = view.root.page
    page.evaluate(
        "() => { document.querySelector('#view').insertAdjacentHTML('beforebegin', '<button id=before>x</button>');"
        "document.querySelector('#before').focus(); }"
    )
    stops = walk(page, "Tab")
    order = [at["index"] for at in stops]
    assert order == sorted(set(order))
    lost = [index for index in page.evaluate(CONTROLS) if index not in set(order)]
    described = page.evaluate(
        "(lost) => lost.map((at) => document.querySelectorAll('#view *')[at].outerHTML.slice(0, 160))", lost
    )
    assert described == []
    assert [at["name"] for at in stops if at["size"] == 0] == []
    assert any("DIV" in at["name"] for at in stops), "the frame is one of them"


@pytest.mark.parametrize("query", ["", WORKED, "kernel=gone", "maze=1"])
def test_nothing_is_left_of_a_view_that_ends(browser, harness, query):
    page = browser.new_page()
    instrument(page)
    page.goto(f"{harness.replace('harness.html', 'counterfactual.html')}?{query}")
    page.locator(".rlv-stage").wait_for(state="attached")
    if query != "kernel=gone":
        page.locator("[data-ready]").wait_for()
        view = CounterfactualPage(page)
        view.settle()
        view.button("play on from here").click()
        view.button("play yourself").click()
        page.keyboard.down("ArrowUp")
        expect(view.root.locator(".rlv-path-body")).to_be_visible(timeout=LONG)
    assert kept(page), "the instruments see what a view needs"
    page.evaluate("() => rlv.life.abort()")
    expect(page.locator("#view > *")).to_have_count(0)
    eventually(lambda: kept(page), [])
    assert page.evaluate("() => rlv.listening()") == 0
    page.close()


def test_keys_outside_of_the_view_are_nobody_s(open_page):
    view = open_page()
    page = view.root.page
    page.evaluate(
        "() => { window.seen = []; document.activeElement.blur();"
        "window.addEventListener('keydown', (e) => seen.push([e.key, e.defaultPrevented])); }"
    )
    keys = ["ArrowRight", "Delete", "h", "p", "Control+z", "Escape"]
    for key in keys:
        page.keyboard.press(key)
    assert page.evaluate("() => seen.every(([, prevented]) => !prevented)")
    view.expect_edits()


def test_everything_fits_at_700_pixels_and_the_halves_stack(open_page):
    view = open_page(WORKED, width=700)
    assert view.root.evaluate("(root) => root.scrollWidth <= root.clientWidth + 1")
    tops = [view.root.locator(part).bounding_box() for part in (".rlv-hand", ".rlv-mind")]
    assert tops[0]["y"] + tops[0]["height"] <= tops[1]["y"] + 1
