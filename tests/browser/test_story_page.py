"""Stories: read in a page without a kernel, and written on a page with a made-up study (`js/harness`)."""

import re
import time

import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect

import rlvision_widgets as rlv
from rlvision_widgets.schema import FEATURE_COLOURS

pytestmark = pytest.mark.browser
HOSTILE = '</script><img src=x onerror="window.hostile = true"><script>window.hostile = true</script>'
NOTES = [
    rlv.Note("It sees the **coin**; [feature 1] is far.", steps=slice(10, 14)),
    rlv.Note("Only **saw** is shown here.\n\nA longer text, over two paragraphs.", steps=slice(14, 17), feature="saw"),
    rlv.Note(f"{HOSTILE} and **{HOSTILE}**", steps=slice(30, 32), combine=True),
]


class StoryPage(ExplorerPage):
    """A view in which a story is read."""

    def __init__(self, page):
        super().__init__(page)
        self.page = page
        self.panel = self.root.get_by_role("region", name="Story")
        self.text = self.panel.locator(".rlv-story-texts > [data-shown]")
        self.notes = self.panel.get_by_role("combobox", name="Note", exact=True)
        self.live = self.panel.locator("[aria-live]")

    def expect_note(self, number, count, text):
        """Wait until a note is shown, and read out."""
        expect(self.text).to_contain_text(text, timeout=LONG)
        expect(self.notes.locator("option:checked")).to_contain_text(f"{number} of {count}")
        expect(self.live).to_contain_text(f"Note {number} of {count}")
        expect(self.live).to_contain_text(text)


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


@pytest.fixture(scope="module")
def file(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "story.html"
    own = study.copy()
    rlv.save_snapshot(rlv.Story(own, f"The saw {HOSTILE}", NOTES, trajectory=1), path, progress=False)
    return path


@pytest.fixture
def offline(browser, file):
    """The story in a page that was opened from its file."""
    browser.set_offline(True)
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    yield StoryPage(page)
    browser.set_offline(False)
    page.close()
    assert errors == []


@pytest.fixture
def writing(browser, harness):
    """A view of a made-up study whose kernel takes what is written."""
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{harness}?steps=200&trajectories=2&step=40")
    yield StoryPage(page)
    page.close()
    assert errors == []


def test_next_and_previous_show_each_note_with_its_steps_and_its_feature(offline, study):
    offline.expect_note(1, 3, "It sees the coin; saw is far.")
    offline.expect_attribution(study, 1, 10)
    offline.button("Next note").click()
    offline.expect_note(2, 3, "Only saw is shown here.")
    offline.expect_attribution(study, 1, 14, feature=1)
    offline.button("Next note").click()
    offline.expect_note(3, 3, "img src=x")
    offline.expect_step(30)
    expect(offline.root.locator(".rlv-both canvas").first).to_be_visible()
    expect(offline.button("Next note")).to_have_attribute("aria-disabled", "true")
    offline.button("Previous note").click()
    offline.expect_step(14)
    expect(offline.panel.locator(".rlv-story-place")).to_contain_text("timestep 5 of 22")


def test_the_same_by_keyboard_and_the_reader_is_free_to_look_around(offline, study):
    keyboard = offline.page.keyboard
    offline.expect_note(1, 3, "It sees")
    offline.slider.focus()
    keyboard.press("n")
    offline.expect_note(2, 3, "Only saw")
    keyboard.press("ArrowRight")
    offline.expect_step(15)
    offline.expect_note(2, 3, "Only saw")
    offline.features.nth(0).hover()
    offline.expect_attribution(study, 1, 15, feature=0)
    offline.root.locator(".rlv-observation canvas").hover()
    offline.expect_attribution(study, 1, 15, feature=1)
    offline.slider.fill("12")
    offline.expect_note(1, 3, "It sees")
    offline.expect_attribution(study, 1, 12)
    offline.slider.fill("25")
    expect(offline.text).to_have_text("No note is about this step.")
    expect(offline.live).to_have_text("")
    offline.slider.focus()
    keyboard.press("p")
    offline.expect_note(2, 3, "Only saw")
    keyboard.press("n")
    offline.expect_step(30)


def test_a_choice_of_the_reader_lasts_until_a_note_wants_something_else(offline):
    offline.button("Next note").click()
    offline.expect_step(14)
    expect(offline.features.nth(1)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    offline.features.nth(2).click()
    offline.slider.focus()
    offline.page.keyboard.press("ArrowRight")
    offline.expect_step(15)
    expect(offline.features.nth(2)).to_have_attribute("aria-pressed", "true")
    offline.page.keyboard.press("p")
    offline.expect_note(1, 3, "It sees")
    expect(offline.features.nth(2)).to_have_attribute("aria-pressed", "false")


def test_a_feature_s_name_has_its_colour_and_more_than_its_colour(offline, study):
    names = offline.text.locator(".rlv-story-feature")
    expect(names).to_have_text(["coin", "saw"])
    for index, name in enumerate(names.all()):
        weight, line, dot = name.evaluate(
            """(name) => [getComputedStyle(name).fontWeight, getComputedStyle(name).borderBottomStyle,
                getComputedStyle(name, "::before").backgroundColor]"""
        )
        assert (weight, line) == ("600", "solid")
        assert dot == "rgb({}, {}, {})".format(*bytes.fromhex(FEATURE_COLOURS[index][1:]))
    names.nth(1).hover()
    offline.expect_attribution(study, 1, 10, feature=1)
    names.nth(0).click()
    expect(offline.features.nth(0)).to_have_attribute("aria-pressed", "true", timeout=LONG)


def test_nothing_moves_when_the_note_changes(offline):
    def places():
        return [offline.root.locator(name).bounding_box() for name in (".rlv-main", ".rlv-transport", ".rlv-story")]

    offline.expect_note(1, 3, "It sees")
    before = places()
    offline.button("Next note").click()
    offline.expect_note(2, 3, "Only saw")
    assert places() == before


def test_play_takes_the_steps_of_a_note_and_waits_or_goes_on(offline):
    offline.expect_note(1, 3, "It sees")
    offline.panel.get_by_role("combobox", name="Pace").select_option("250")
    offline.button("go on").click()
    begin = time.monotonic()
    offline.button("Play the story").click()
    expect(offline.button("Pause the story")).to_be_visible()
    expect(offline.button("Play the story")).to_be_visible(timeout=LONG)
    assert time.monotonic() - begin > 0.75
    offline.expect_step(13)
    offline.button("go on").click()
    offline.button("Play the story").click()
    offline.expect_note(2, 3, "Only saw")
    eventually(lambda: offline.step >= 15, True)
    offline.button("Pause the story").click()
    stopped = offline.step
    time.sleep(0.6)
    assert offline.step == stopped


def test_scrubbing_ends_the_playing(offline):
    offline.expect_note(1, 3, "It sees")
    offline.panel.get_by_role("combobox", name="Pace").select_option("250")
    offline.button("Play the story").click()
    offline.slider.fill("31")
    expect(offline.button("Play the story")).to_be_visible(timeout=LONG)
    offline.expect_step(31)


def test_user_text_stays_text(offline):
    offline.expect_note(1, 3, "It sees")
    offline.button("Next note").click()
    offline.button("Next note").click()
    expect(offline.text).to_have_text(f"{HOSTILE} and {HOSTILE}", timeout=LONG)
    expect(offline.panel.get_by_role("combobox", name="Story").locator("option")).to_have_text(f"The saw {HOSTILE}")
    assert offline.page.locator("img").count() == 0
    assert offline.page.evaluate("() => window.hostile") is None


def test_without_a_kernel_it_is_read_and_not_written_and_nothing_leads_away(offline):
    offline.expect_note(1, 3, "It sees")
    for name in ("add note here", "edit", "delete"):
        expect(offline.button(name)).to_be_disabled()
        expect(offline.button(name)).to_have_attribute("title", re.compile("needs a kernel"))
    expect(offline.button("Close the story")).to_be_hidden()
    expect(offline.button("Next trajectory")).to_be_hidden()
    expect(offline.root.get_by_role("button", name="bookmarks")).to_be_hidden()


def test_a_note_is_added_by_mouse_at_the_step_shown(writing):
    writing.expect_step(40)
    writing.button("stories").click()
    writing.button("add note here").click()
    form = writing.panel.get_by_role("form", name="Note")
    text = form.get_by_role("textbox", name="Text")
    expect(text).to_be_focused(timeout=LONG)
    form.get_by_role("combobox", name="Insert a feature's name").select_option("coin")
    text.press_sequentially(" and a **buzzsaw** <b>")
    expect(form.get_by_role("group", name="Preview")).to_have_text("coin and a buzzsaw <b>")
    expect(form.get_by_role("spinbutton", name="First step")).to_have_value("40")
    form.get_by_role("spinbutton", name="Last step").fill("44")
    form.get_by_role("combobox", name="Feature shown alone").select_option("buzzsaw")
    form.get_by_role("button", name="Save").click()
    writing.expect_note(1, 1, "coin and a buzzsaw <b>")
    expect(form).to_be_hidden()
    expect(writing.features.nth(0)).to_have_attribute("aria-pressed", "true")
    writing.expect_step(40)
    expect(writing.panel.locator(".rlv-story-place")).to_contain_text("steps 40–44")


def test_by_keyboard_a_note_is_written_changed_deleted_and_brought_back(writing):
    keyboard = writing.page.keyboard
    writing.expect_step(40)
    writing.button("stories").focus()
    keyboard.press("Enter")
    name = writing.root.get_by_role("textbox", name="Name of a new story")
    name.focus()
    keyboard.type("n and p and 0")
    keyboard.press("Enter")
    expect(writing.panel.get_by_role("combobox", name="Story")).to_have_value("n and p and 0", timeout=LONG)
    writing.expect_step(40)
    writing.button("add note here").focus()
    keyboard.press("Enter")
    keyboard.type("next: p, n, + [ ] c")
    keyboard.press("ArrowLeft")
    keyboard.press("Control+Enter")
    writing.expect_note(1, 1, "next: p, n, + [ ] c")
    writing.expect_step(40)
    expect(writing.button("add note here")).to_be_focused()
    writing.button("edit").focus()
    keyboard.press("Enter")
    keyboard.type(" gone")
    keyboard.press("Escape")
    expect(writing.button("edit")).to_be_focused(timeout=LONG)
    writing.expect_note(1, 1, "next: p, n, + [ ] c")
    writing.button("delete").focus()
    keyboard.press("Enter")
    expect(writing.button("Undo")).to_be_focused(timeout=LONG)
    expect(writing.text).to_contain_text("no note yet")
    keyboard.press("Enter")
    writing.expect_note(1, 1, "next: p, n, + [ ] c")


def test_a_brushed_range_becomes_the_note_s_steps(writing):
    writing.expect_step(40)
    writing.page.evaluate("() => { rlv.model.set('selected_range', [50, 60]); }")
    writing.button("stories").click()
    writing.button("add note here").click()
    form = writing.panel.get_by_role("form", name="Note")
    expect(form.get_by_role("spinbutton", name="First step")).to_have_value("50", timeout=LONG)
    expect(form.get_by_role("spinbutton", name="Last step")).to_have_value("59")
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_be_hidden()


def test_what_python_refuses_is_said_in_the_form_and_nothing_is_lost(browser, harness):
    page = browser.new_page()
    page.goto(f"{harness}?steps=200&story=Obscured%20saw")
    view = StoryPage(page)
    view.expect_note(1, 4, "The agent runs")
    page.evaluate(
        """() => {
            const { send } = rlv.model;
            const refuse = ({ id }) =>
                rlv.model.emit("msg:custom", { kind: "rlv-reply", id, error: "the last step is 199" }, []);
            rlv.model.send = (message) => (message.method === "edit_note" ? refuse : send)(message);
        }"""
    )
    view.button("edit").click()
    form = view.panel.get_by_role("form", name="Note")
    form.get_by_role("textbox", name="Text").fill("kept")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_have_text("the last step is 199", timeout=LONG)
    expect(form.get_by_role("textbox", name="Text")).to_have_value("kept")
    page.close()


def test_closing_it_shows_all_of_time_again_and_leaves_no_timer(browser, harness):
    page = browser.new_page()
    page.goto(f"{harness}?steps=200&story=Obscured%20saw")
    view = StoryPage(page)
    view.expect_note(1, 4, "The agent runs")
    assert page.evaluate("() => rlv.model.get('view_range').length") == 2
    view.button("Play the story").click()
    step = view.step
    view.button("Close the story").click()
    expect(view.panel).to_have_count(0, timeout=LONG)
    assert page.evaluate("() => rlv.model.get('view_range')") == []
    time.sleep(1.3)
    assert view.step == step
    page.close()


@pytest.mark.parametrize("look", ["standard", "article"])
def test_names_have_the_colours_of_the_legend_in_every_look(browser, harness, look):
    page = browser.new_page()
    page.goto(f"{harness}?steps=200&story=Obscured%20saw&look={look}")
    view = StoryPage(page)
    view.expect_note(1, 4, "The agent runs")
    colour = '(element) => getComputedStyle(element, "::before").backgroundColor'
    for name, row in (("coin", 1), ("buzzsaw", 0)):
        dot = view.text.get_by_role("button", name=name)
        swatch = view.root.locator(".rlv-legend .rlv-swatch").nth(row)
        expect(swatch).to_be_visible()
        eventually(lambda d=dot, s=swatch: d.evaluate(colour) == s.evaluate(colour) != "rgba(0, 0, 0, 0)", True)
    page.close()
