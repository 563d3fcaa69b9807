"""A story that is written in JupyterLab, saved with its study, and read again."""

import json

import pytest
from explorer_page import LONG, eventually
from playwright.sync_api import expect
from test_story_page import StoryPage

pytestmark = pytest.mark.browser

OWN = "own = study.copy(deep=True).load(); view = rlv.Explorer(own, step=20); view"
STORIES = (
    "print([(n['start'], n['stop'], n['text'], n['feature']) for s in view._study['stories'] for n in s['notes']])"
)


def test_a_note_added_by_a_click_is_in_the_study_saved_and_read_again(notebook):
    view = StoryPage(notebook.show(OWN))
    view.page = notebook.page
    view.features.nth(2).click()
    view.button("stories").click()
    view.button("add note here").click()
    text = view.panel.get_by_role("textbox", name="Text")
    expect(text).to_be_focused(timeout=LONG)
    notebook.page.keyboard.type("here is the [feature 2], dd bb")
    view.panel.get_by_role("button", name="Save").click()
    view.expect_note(1, 1, "here is the enemy, dd bb")
    eventually(lambda: notebook.lab.python(STORIES), "[(20, 21, 'here is the [feature 2], dd bb', 2)]")
    assert notebook.lab.python("print(view.story, view.note)") == "Notes 0"
    notebook.lab.python("rlv.save_study(own, 'own.zarr')")
    again = StoryPage(notebook.show("view = rlv.Story('own.zarr'); view"))
    again.expect_note(1, 1, "here is the enemy, dd bb")
    again.expect_step(20)
    expect(again.features.nth(2)).to_have_attribute("aria-pressed", "true")


def test_python_writes_reads_and_turns_the_pages(notebook):
    code = """
notes = [rlv.Note("one", slice(3, 6)), rlv.Note("two **coin**", slice(70, 72), trajectory=2, feature="coin")]
own = study.copy(deep=True).load()
view = rlv.Story(own, "by hand", notes); view
"""
    view = StoryPage(notebook.show(code))
    view.expect_note(1, 2, "one")
    view.expect_step(3)
    notebook.lab.python("view.note = 1")
    view.expect_note(2, 2, "two coin")
    view.expect_step(70)
    view.slider.focus()
    notebook.page.keyboard.press("p")
    view.expect_note(1, 2, "one")
    eventually(lambda: json.loads(notebook.lab.python("print([view.note, view.trajectory, view.step])")), [0, 0, 3])
    notebook.lab.python("rlv.write_story(own, 'by hand', [*view.notes, rlv.Note('three', 5, trajectory=0)])")
    expect(view.notes.locator("option")).to_have_count(4, timeout=LONG)


def test_a_name_that_changes_is_followed_by_its_reference(notebook):
    code = """
own = study.copy(deep=True).load()
view = rlv.Story(own, "a", [rlv.Note("the [feature 1] and the **saw**", 3)]); view
"""
    view = StoryPage(notebook.show(code))
    view.expect_note(1, 1, "the saw and the saw")
    notebook.lab.python("rlv.rename(own, '2b', 1, 'buzzsaw')")
    view.expect_note(1, 1, "the buzzsaw and the saw")
    expect(view.text.locator(".rlv-story-feature")).to_have_text(["buzzsaw"])
