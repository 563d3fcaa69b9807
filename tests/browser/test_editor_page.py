"""The editor on a page of its own, without Jupyter: every control by mouse and by keyboard."""

import json
import urllib.parse

import pytest
from editor_page import EditorPage
from explorer_page import LONG, eventually
from instruments import instrument, kept
from playwright.sync_api import expect
from test_access import AXE, CONTROLS, walk

pytestmark = pytest.mark.browser

STEP = 92  # a coin and a gap are near


def entry(feature, **changes):
    own = {"kind": "feature", "layer": "2b", "feature": feature, "strength": 1, "where": "next_kernel", "enabled": True}
    return {**own, **changes}


def query(*edits, **rest):
    return urllib.parse.urlencode({"edits": json.dumps(edits), "step": STEP, **rest})


CUT = """(all) => all.filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth)
    .map(({ textContent }) => textContent)"""
THREE = query(entry(1), entry(6, where="layer"), entry(3, strength=-0.5))


@pytest.fixture
def open_page(browser, harness):
    """Open the harness' page; it must report no error."""
    pages, errors = [], []

    def open_query(given=f"step={STEP}", *, width=1400, theme="light", **media):
        page = browser.new_page()
        instrument(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=theme, **media)
        page.goto(f"{harness.replace('harness.html', 'editor.html')}?theme={theme}&{given}")
        page.locator("[data-ready]").first.wait_for()
        pages.append(page)
        view = EditorPage(page)
        view.settle()
        return view

    yield open_query
    for page in pages:
        page.close()
    assert errors == []


def trait(view, name):
    return view.page.evaluate("(name) => rlv.model.get(name)", name)


def sent(view, method):
    """Return the parameters of all requests of a kind."""
    return view.page.evaluate(
        "(method) => rlv.sent.filter((one) => one.method === method).map(({ params }) => params)", method
    )


def test_a_switch_changes_what_the_agent_thinks_and_back(open_page):
    view = open_page()
    original, edited = view.values()
    assert original == edited
    before = view.map_of("edited", "raises")
    view.switch("coin").click()
    view.expect_listed("coin")
    expect(view.switch("coin")).to_be_checked()
    assert trait(view, "edits") == [entry(1)]
    assert view.values()[0] == original
    assert (view.map_of("original", "raises") == before).all()
    assert (view.map_of("edited", "raises") != before).any()
    view.expect_said(r"Value .* against the original")
    view.switch("coin").click()
    view.settle()
    expect(view.switch("coin")).not_to_be_checked()
    assert view.listed() == ["coin"], "a switch that is off keeps its place in the list"
    assert (view.map_of("edited", "raises") == before).all()


def test_a_held_slider_shows_what_it_would_do_and_is_one_step_back(open_page):
    view = open_page()
    slider = view.strength("gap below")
    start = view.values()[1]
    view.drag(slider, 0.9)
    eventually(lambda: view.values()[1] != start, True)
    assert trait(view, "edits") == [], "nothing is decided while the slider is held"
    view.page.mouse.up()
    view.expect_listed("gap below")
    assert 1.4 <= trait(view, "edits")[0]["strength"] <= 1.8
    assert trait(view, "history") == [[]]
    view.page.keyboard.press("Control+z")
    view.settle()
    assert trait(view, "edits") == []
    assert view.values()[1] == start
    view.page.keyboard.press("Control+Shift+Z")
    view.expect_listed("gap below")


def test_a_hand_is_drawn_to_zero_and_one_and_keys_are_not(open_page):
    view = open_page()
    slider = view.strength("coin")
    view.drag(slider, 0.76)
    view.page.mouse.up()
    eventually(lambda: trait(view, "edits")[0]["strength"], 1)
    slider.press("ArrowRight")
    eventually(lambda: trait(view, "edits")[0]["strength"], 1.05)
    slider.press("0")
    eventually(lambda: trait(view, "edits")[0]["strength"], 0)
    expect(view.switch("coin")).not_to_be_checked()
    slider.press("1")
    eventually(lambda: trait(view, "edits")[0]["strength"], 1)
    slider.dblclick(position={"x": 4, "y": 12})
    eventually(lambda: trait(view, "edits")[0]["strength"], 0)
    slider.press("Home")
    eventually(lambda: trait(view, "edits")[0]["strength"], -2)


def test_the_order_changes_by_dragging_and_by_keys(open_page):
    view = open_page(THREE)
    grips = view.root.locator(".rlv-ed-grip")
    assert view.listed() == ["coin", "gap below", "agent or enemy moving right"]
    first, last = grips.nth(0).bounding_box(), grips.nth(2).bounding_box()
    mouse = view.page.mouse
    mouse.move(first["x"] + 8, first["y"] + 8)
    mouse.down()
    mouse.move(last["x"] + 8, last["y"] + 20, steps=8)
    expect(view.entries.nth(2)).to_have_attribute("data-drop", "after")
    mouse.up()
    view.expect_listed("gap below", "agent or enemy moving right", "coin")
    grips.nth(2).focus()
    view.page.keyboard.press("ArrowUp")
    view.expect_listed("gap below", "coin", "agent or enemy moving right")
    expect(grips.nth(1)).to_be_focused()
    view.expect_said("Moved to place 2 of 3")
    first = grips.nth(0).bounding_box()
    mouse.move(first["x"] + 8, first["y"] + 8)
    mouse.down()
    mouse.move(first["x"] + 8, first["y"] + 70, steps=4)
    view.page.keyboard.press("Escape")
    mouse.up()
    assert view.listed() == ["gap below", "coin", "agent or enemy moving right"], "Esc puts it back"


def test_a_key_that_is_held_is_one_step_back_and_not_one_a_notch(open_page):
    view = open_page()
    slider = view.strength("coin")
    slider.focus()
    for _ in range(8):
        view.page.keyboard.down("ArrowRight")
    view.page.keyboard.up("ArrowRight")
    eventually(lambda: trait(view, "edits")[0]["strength"], 0.4)
    assert len(trait(view, "history")) == 2, "the first press and what was held"


def test_the_order_of_edits_that_look_alike_changes_and_the_focus_goes_along(open_page):
    alike = [{"kind": "erase", "concept": name, "layer": "2b", "strength": 1, "enabled": True} for name in "ab"]
    view = open_page(query(*alike))
    grips = view.root.locator(".rlv-ed-grip")
    grips.nth(1).focus()
    view.page.keyboard.press("ArrowUp")
    view.expect_listed("b", "a")
    expect(grips.nth(0)).to_be_focused()


def test_a_list_that_changes_while_a_row_is_dragged_lets_go_of_it(open_page):
    view = open_page(THREE)
    first, last = (view.root.locator(".rlv-ed-grip").nth(index).bounding_box() for index in (0, 2))
    mouse = view.page.mouse
    mouse.move(first["x"] + 8, first["y"] + 8)
    mouse.down()
    mouse.move(first["x"] + 8, first["y"] + 30, steps=3)
    view.page.evaluate("(edits) => rlv.model.set('edits', edits)", [entry(4), entry(5), entry(7)])
    view.settle()
    mouse.move(last["x"] + 8, last["y"] + 20, steps=4)
    expect(view.root.locator("[data-dragged]")).to_have_count(0)
    mouse.up()
    assert [edit["feature"] for edit in trait(view, "edits")] == [4, 5, 7]


def test_another_layer_leaves_no_feature_alone_that_is_not_there(open_page):
    view = open_page()
    view.page.evaluate("() => rlv.model.set('hovered', 2)")
    view.strength("coin").focus()
    view.page.evaluate("() => rlv.model.set('layer', '3a')")
    view.settle()
    assert trait(view, "layer") == "3a"
    assert trait(view, "hovered") != 2


def test_what_an_edit_did_is_said_and_another_frame_is_not(open_page):
    view = open_page()
    view.switch("coin").click()
    view.expect_said("^Value .* against the original")
    live = view.root.locator("[aria-live=polite]")
    said = live.inner_text()
    value = view.values()[1]
    view.root.get_by_role("slider", name="Step", exact=True).press("PageDown")
    eventually(lambda: view.values()[1] != value, True)
    view.settle()
    assert live.inner_text() == said
    view.page.evaluate("(edit) => rlv.model.set('edits', [edit])", entry(55))
    expect(view.notice).to_contain_text("features 0 to 7")
    assert live.inner_text() == said, "an edit that failed did nothing"


def test_entries_can_be_switched_placed_weakened_and_taken_out(open_page):
    view = open_page(THREE)
    view.entries.nth(0).get_by_role("switch").click()
    eventually(lambda: trait(view, "edits")[0]["enabled"], False)
    view.root.get_by_label("Where gap below is projected out").select_option("next_kernel")
    eventually(lambda: trait(view, "edits")[1]["where"], "next_kernel")
    field = view.root.get_by_role("spinbutton", name="Strength of gap below", exact=True)
    field.fill("0.3")
    field.press("Enter")
    eventually(lambda: trait(view, "edits")[1]["strength"], 0.3)
    expect(view.strength("gap below")).to_have_value("0.3")
    field.fill("9")
    field.press("Enter")
    eventually(lambda: trait(view, "edits")[1]["strength"], 2)
    view.settle()
    expect(view.entries.nth(1).locator(".rlv-ed-effect")).to_have_text("84 %")
    expect(view.entries.nth(0).locator(".rlv-ed-effect")).to_have_text("")
    view.button("Take out coin").focus()
    view.page.keyboard.press("Enter")
    view.expect_listed("gap below", "agent or enemy moving right")
    assert view.root.evaluate("(root) => root.contains(document.activeElement)"), "the focus stays in the editor"
    view.button("Reset").click()
    view.expect_listed()
    for names in (2, 3):
        view.button("Undo").click()
        expect(view.entries).to_have_count(names)


def test_presets_are_taken_by_one_click_and_made_by_a_name(open_page):
    view = open_page()
    view.button("fearless").click()
    view.expect_listed("buzzsaw", "enemy moving left")
    expect(view.button("fearless")).to_have_attribute("aria-pressed", "true")
    view.strength("enemy moving left").press("ArrowRight")
    view.settle()
    expect(view.button("fearless")).to_have_attribute("aria-pressed", "false")
    name = view.root.get_by_role("textbox", name="Name to keep these edits under")
    name.fill('<img src=x onerror="alert(1)">')
    name.press("Enter")
    expect(view.button('<img src=x onerror="alert(1)">')).to_be_visible()
    assert view.root.locator("img").count() == view.root.locator(".rlv-ed-preset img").count() == 0
    view.expect_said("Kept as <img")
    assert len(sent(view, "keep_edits")) == 1


def test_both_play_from_here_and_part(open_page):
    view = open_page(query(entry(0)))
    view.button("play both").click()
    films = view.race.locator(".rlv-path-frames canvas")
    slider = view.race.get_by_role("slider", name="Step played on")
    eventually(lambda: int(slider.input_value()) > 0, True)
    view.race.get_by_role("button", name="apart at +19").click()
    expect(slider).to_have_value("19")
    for number, side in enumerate(("original", "edited")):
        expect(films.nth(number)).to_have_attribute("aria-label", f"{side}, 19 steps on")
    slider.press("End")
    expect(view.race.locator(".rlv-end")).to_have_text(["✓ coin", "✕ saw"])
    expect(view.race.locator(".rlv-path-curve")).to_have_attribute(
        "aria-label",
        "value over 61 steps: original completed: coin, after 61 steps; edited ended: saw, after 38 steps",
    )
    assert sent(view, "race")[-1]["num_steps"] == 100
    view.switch("buzzsaw").click()
    expect(view.race.locator(".rlv-path-body")).to_have_attribute("data-stale", "")
    view.button("play both").click()
    expect(view.race.locator(".rlv-hint[role=status]")).to_contain_text("they never part")
    expect(view.race.locator(".rlv-apart")).to_be_hidden()


def test_a_race_that_takes_long_can_be_stopped_and_the_focus_stays(open_page):
    view = open_page(query(entry(0)))
    view.page.evaluate("() => { rlv.kernel.latency = 20000; }")
    view.button("play both").focus()
    view.page.keyboard.press("Enter")
    view.race.get_by_role("button", name="stop").focus()
    view.page.keyboard.press("Enter")
    expect(view.button("play both")).to_be_focused()
    assert len(view.page.evaluate("() => rlv.cancelled")) == 1


def test_the_measurement_counts_by_cause(open_page):
    view = open_page(query(entry(0), levels=512))
    view.button("measure").click()
    rows = view.measurement.get_by_role("row")
    expect(rows).to_have_count(5)
    expect(rows.nth(1)).to_contain_text("anything")
    assert rows.nth(2).get_by_role("cell").all_inner_texts()[:2] == ["1", "57"]
    label = rows.nth(2).get_by_role("img").get_attribute("aria-label")
    assert label.startswith("original 0.2 % (")
    assert ", edited 11.1 % (" in label
    assert sent(view, "measure")[-1]["levels"] == 512
    expect(view.measurement.get_by_role("status")).to_have_text("512 levels in 12 s")


def test_what_cannot_be_edited_says_so_and_undoing_helps(open_page):
    view = open_page()
    view.page.evaluate("(edit) => rlv.model.set('edits', [edit])", entry(1, layer="4a"))
    expect(view.notice).to_have_text(
        'several layers read "4a"; edit the layer itself: where="layer"Try again✕', use_inner_text=False
    )
    view.root.get_by_label("Where feature 1 is projected out").select_option("layer")
    expect(view.notice).to_be_hidden()
    view.settle()


def test_pointing_at_a_feature_shows_it_alone(open_page):
    view = open_page()
    everything = view.map_of("original", "raises")

    def shows_everything():
        return (view.map_of("original", "raises") == everything).all()

    row = view.root.locator(".rlv-ed-pin").filter(has_text="coin")
    row.hover()
    eventually(shows_everything, False)
    row.click()
    eventually(lambda: trait(view, "feature"), 1)
    row.click()
    view.page.mouse.move(5, 5)
    eventually(shows_everything, True)


def test_a_page_without_a_kernel_shows_what_is_kept(open_page):
    view = open_page(query(entry(0), offline=1, step=40))
    expect(view.root.locator(".rlv-limits")).to_contain_text("needs a kernel")
    expect(view.switch("buzzsaw")).to_be_disabled()
    view.button("play both").click()
    expect(view.race.locator(".rlv-path-frames canvas").first).to_be_visible()
    view.button("measure").click()
    expect(view.measurement.get_by_role("row")).to_have_count(5)
    expect(view.notice).to_be_hidden()


def test_a_kernel_that_has_gone_is_told_and_asked_again(open_page):
    view = open_page()
    view.page.evaluate("() => { rlv.kernel.state = 'closed'; }")
    view.switch("coin").click()
    expect(view.notice).to_contain_text("The kernel cannot be reached")
    view.page.evaluate("() => { rlv.kernel.state = ''; }")
    view.button("Try again").click()
    view.settle()
    expect(view.notice).to_be_hidden()
    assert view.values()[0] != view.values()[1]


def test_without_an_agent_a_frame_is_shown(open_page):
    view = open_page("agent=0&step=40&edits=[]")
    expect(view.root.locator(".rlv-limits")).to_contain_text("agent=agent")
    expect(view.switch("coin")).to_be_disabled()


def test_nothing_moves_when_a_feature_is_switched_again(open_page):
    view = open_page(THREE)
    places = "(root) => [...root.querySelectorAll('section, canvas')].map((one) => one.getBoundingClientRect().top)"
    before = view.root.evaluate(places)
    view.switch("coin").click()
    view.settle()
    assert view.root.evaluate(places) == before


def test_nothing_is_left_of_a_view_that_went(open_page):
    view = open_page(query(entry(0)))
    view.button("play both").click()
    expect(view.race.locator(".rlv-path-body")).to_be_visible()
    view.page.evaluate("() => rlv.life.abort()")
    assert view.page.locator("#view").inner_html() == ""
    eventually(lambda: kept(view.page), [])
    assert view.page.evaluate("() => rlv.listening()") == 0


LOOKS = [{"width": 1400, "theme": "light"}, {"width": 1400, "theme": "dark"}, {"width": 700, "theme": "light"}]


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "narrow"])
def test_axe_finds_nothing_wrong(open_page, axe, look):
    view = open_page(THREE, reduced_motion="reduce", **look)
    view.button("play both").click()
    view.button("measure").click()
    expect(view.measurement.get_by_role("row")).to_have_count(5)
    expect(view.race.locator(".rlv-path-body")).to_be_visible(timeout=LONG)
    view.page.wait_for_timeout(400)
    view.page.evaluate(axe)
    assert view.page.evaluate(AXE, "#view") == []


@pytest.mark.parametrize("width", [1400, 700])
def test_tab_reaches_every_control_in_the_order_of_the_page(open_page, width):
    view = open_page(THREE, width=width)
    for name in ("before", "after"):
        view.page.evaluate(
            "(name) => document.querySelector('#view')[name](Object.assign(document.createElement('button'),"
            " { id: name, textContent: name }))",
            name,
        )
    view.page.locator("#before").focus()
    stops = [at["index"] for at in walk(view.page, "Tab")]
    assert set(view.page.evaluate(CONTROLS)) <= set(stops)
    assert stops == sorted(stops)


def test_no_text_is_cut_and_nothing_is_wider_than_its_place(open_page):
    for width in (1400, 1000, 700, 480):
        view = open_page(THREE, width=width)
        assert view.root.evaluate("(root) => root.scrollWidth <= root.clientWidth"), width
        assert view.root.locator(".rlv-hint, .rlv-title, td, th").evaluate_all(CUT) == [], width
