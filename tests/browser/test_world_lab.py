"""The world opened in JupyterLab, with the bundled agent and the real game: found, outlined, forked, compared."""

import json
import os
from importlib.util import find_spec

import numpy as np
import pytest
from explorer_page import LONG, PIXELS, ExplorerPage, eventually
from playwright.sync_api import expect

from rlvision_widgets.widgets.overlay import draw_mask

HAS_PROCGEN = find_spec("procgen") is not None or "RLVISION_PROCGEN" in os.environ
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_PROCGEN, reason="Procgen's wheels exist for Python 3.11 and 3.12 on Linux x86-64 only"),
]

SHOWN = """
agent = rlv.load_agent("coinrun")
small = {"layers": ["2b"], "observations": (8, 4, 3), "num_features": 3, "progress": False}
own = rlv.build_study(agent, num_trajectories=1, num_steps=70, world=False, **small)
view = rlv.Explorer(own, agent=agent, step=9); view
"""
CODES = "import json; print(json.dumps(own['world/object_class'].values[0, 9].tolist()))"
FORKS = """
import json
forks = own["branches"].children.items() if "branches" in own.children else ()
print(json.dumps({name: [int(node.attrs["step"]), node["action"].values[:, 0].tolist()] for name, node in forks}))
"""
FRAME = "import json; print(json.dumps(own['branches/again']['observation'].values[1, 3].tolist()))"
STATE = "print(view.state())"


@pytest.fixture
def view(notebook):
    view = ExplorerPage(notebook.show(SHOWN))
    view.expect_step(9)
    return view


def test_a_study_built_without_its_world_is_opened_outlined_and_forked(notebook, view):
    kernel, page = notebook.lab.python, notebook.page
    view.slider.focus()
    page.keyboard.press("m")
    objects = view.root.get_by_role("region", name="Objects")
    objects.get_by_role("button", name="Find the objects").click(timeout=LONG)
    listed = objects.get_by_role("group", name="Objects of this step").get_by_role("button").filter(visible=True)
    expect(listed.filter(has_text="agent").first).to_be_visible(timeout=LONG)
    codes = np.array(json.loads(kernel(CODES)), np.uint8)
    assert np.unique(codes).size > 2

    def is_outlined():
        canvas = view.root.locator(".rlv-observation canvas.rlv-objects-layer")
        height, width, data = canvas.evaluate(PIXELS)
        drawn = np.array(data, np.uint8).reshape(height, width, 4)[..., 3]
        line, grey = 2 if width / 64 >= 4 else 1, np.zeros((256, 3))
        expected = draw_mask(codes, grey, height=height, width=width, line=line, fill=False)[..., 3]
        return np.array_equal(drawn, expected)

    eventually(is_outlined, True)

    view.button("forks").click()
    menu = view.root.get_by_role("dialog", name="Forks")
    menu.get_by_label("tries").fill("3")
    menu.get_by_label("steps each").fill("8")
    menu.get_by_label("first action").select_option("RIGHT")
    menu.get_by_label("name").fill("again")
    menu.get_by_role("button", name="Fork here").click()
    compare = view.root.get_by_role("region", name="Branch compared")
    expect(compare).to_contain_text("again: branch 1 of 3", timeout=LONG)
    ((name, (step, actions)),) = json.loads(kernel(FORKS)).items()
    assert (name, step, len(actions)) == ("again", 9, 3)
    assert len(set(actions)) == 1, "each branch begins with the action that was asked for"
    view.root.get_by_role("group", name="Fork again").get_by_role("button").focus()
    kernel("view.branch_member = 1; view.step = 12")
    expect(compare).to_contain_text("again: branch 2 of 3", timeout=LONG)
    expected = np.array(json.loads(kernel(FRAME)))

    def is_beside():
        canvas = view.root.locator(".rlv-branch canvas.rlv-frame")
        height, width, data = canvas.evaluate(PIXELS)
        return np.array_equal(np.array(data).reshape(height, width, 4)[..., :3], expected)

    eventually(is_beside, True)
    assert "'branch': 'again'" in kernel(STATE)
    page.keyboard.press("Escape")
    expect(compare).to_be_hidden()
    eventually(lambda: "'branch'" in kernel(STATE), False)
    page.keyboard.press("Enter")
    view.button("remove fork").click(timeout=LONG)
    view.button("Remove").click()
    expect(view.root.get_by_role("group", name="Fork again")).to_have_count(0, timeout=LONG)
    assert json.loads(kernel(FORKS)) == {}
