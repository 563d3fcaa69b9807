"""The comparison in JupyterLab: linked with Python and with an explorer, several studies behind one view."""

import json

import pytest
from compare_page import ComparePage
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SHOW = """
import ipywidgets, traitlets
from compare_page import parted_studies
one, other = parted_studies()
compare = rlv.Compare(one, other, align="level")
"""


def test_python_and_the_view_share_what_is_shown(notebook):
    page = ComparePage(notebook.show(SHOW + "compare"))
    page.expect_step(0)
    notebook.lab.python("compare.step = 4; compare.selected = 1; compare.show_difference = True")
    page.expect_step(4)
    expect(page.root.get_by_text("A compared with B")).to_be_visible()
    page.slider.focus()
    notebook.page.keyboard.press("ArrowRight")
    page.expect_step(5)
    eventually(lambda: notebook.lab.python("print(compare.step)"), "5")
    page.choose("Aligned at", "end")
    eventually(lambda: notebook.lab.python("print(compare.align, compare.num_steps)"), "end 11")
    notebook.lab.python("compare.align = 'step'")
    expect(page.slider).to_have_attribute("max", "129", timeout=LONG)
    ours = [
        notebook.lab.python(f"print({study}['observation'].values[0, compare.step].tolist())")
        for study in ("one", "other")
    ]
    page.expect_frames(*(json.loads(pixels) for pixels in ours))


def test_an_explorer_of_one_of_the_studies_follows_step_by_step(notebook):
    code = SHOW + (
        "compare.align = 'step'; explorer = rlv.Explorer(one)\n"
        "traitlets.link((compare, 'step'), (explorer, 'step'))\nipywidgets.VBox([compare, explorer])"
    )
    output = notebook.show(code, views=2)
    compare, explorer = ComparePage(output), ExplorerPage(output)
    compare.slider.fill("77")
    explorer.expect_step(77)
    explorer.slider.fill("12")
    compare.expect_step(12)


def test_nothing_is_left_of_a_view_that_is_gone(notebook):
    notebook.show(SHOW + "compare")
    notebook.clear()
    before = notebook.lab.alive()
    notebook.show(SHOW + "compare")
    assert notebook.lab.alive() != before
    notebook.clear()
    eventually(notebook.lab.alive, before)
