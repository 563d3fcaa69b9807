"""An agent without a value in JupyterLab: every view says so, and none has a place for a number that there is not."""

import re

import pytest
from counterfactual_page import CounterfactualPage
from editor_page import EditorPage
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect
from policy_agent import policy_agent
from test_environments import needs_procgen

import rlvision_widgets as rlv

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_procgen]

STEP = 20
SHOW = """
if "alone" not in globals():
    from policy_agent import policy_agent
    alone, policy = rlv.open_study("policy.zarr"), policy_agent()
view = rlv.{}
view
"""


@pytest.fixture(scope="module")
def saved(server):
    """A small real study, where the notebook finds it."""
    study = rlv.build_study(
        policy_agent(),
        num_trajectories=2,
        num_steps=64,
        layers=["network.trunk.2b"],
        observations=(16, 4, 8),
        progress=False,
    )
    rlv.save_study(study, server.notebooks / "policy.zarr")
    return study


@pytest.fixture
def explained(saved):
    """The output that the study explains: a centred logit."""
    (output,) = saved["layers/network.trunk.2b/outputs"].children
    return output


def test_the_explorer_explains_an_action_and_says_that_there_is_no_value(notebook, saved, explained):
    explorer = ExplorerPage(notebook.show(SHOW.format(f"Explorer(alone, agent=policy, step={STEP})")))
    explorer.expect_frame(saved, 0, STEP)
    label = explained.replace("centred:", "centred logit of ")
    expect(explorer.root.locator(".rlv-reading-value")).to_have_text("no value headpolicy alone")
    expect(explorer.root).to_contain_text(label)
    offered = explorer.root.get_by_role("combobox", name="Output").locator("option").all_inner_texts()
    assert label in offered
    assert "value" not in offered
    assert notebook.lab.python("print(view.output)") == explained
    refused = notebook.lab.python("""
try:
    view.output = "value"
except Exception as error:
    print(error)
""")
    assert "no value head" in refused


def test_a_changed_world_is_compared_by_the_output_explained(notebook, saved, explained):
    page = CounterfactualPage(notebook.show(SHOW.format(f"Counterfactual(alone, agent=policy, step={STEP})")))
    page.settle()
    label = explained.replace("centred:", "centred logit of ")
    before = page.root.locator('[data-side="before"] .rlv-side .rlv-value').first
    expect(before).to_have_text(re.compile(rf"^{re.escape(label)} −?\d+\.\d\d$"))
    page.table.first.get_by_role("button").click()
    page.button("remove").click()
    eventually(lambda: len(page.edits()), 1)
    page.settle()
    expect(page.root.locator(".rlv-delta").last).to_have_text(re.compile(r"^Δ [+−]?\d+\.\d\d$"))
    page.expect_said(f"{label[0].upper()}{re.escape(label[1:])} .* against before")
    page.button("play on from here").click()
    curve = page.root.locator("canvas.rlv-path-curve")
    expect(curve).to_have_attribute("aria-label", re.compile(f"^{re.escape(label)} over"), timeout=LONG)
    assert len(curve.evaluate(INKED)) > 20
    assert "–" not in " ".join(page.root.locator(".rlv-path .rlv-hint").all_inner_texts())


# columns of a canvas that something is drawn in
INKED = """(canvas) => {
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: width }, (_, x) => x).filter((x) =>
        Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + 3]).some(Boolean));
}"""


def test_the_editor_and_its_race_go_by_the_output_explained(notebook, saved, explained):
    view = EditorPage(notebook.show(SHOW.format(f"Editor(alone, agent=policy, step={STEP}, num_steps=12)")))
    view.settle()
    label = explained.replace("centred:", "centred logit of ")
    expect(view.root.locator(".rlv-ed-values .rlv-title")).to_have_text(label)
    original, same = view.values()
    assert original == same
    total = saved[f"layers/network.trunk.2b/outputs/{explained}"]["total"].isel(trajectory=0, step=STEP)
    view.switch(f"feature {int(abs(total.values).argmax())}").click()
    eventually(lambda: view.values()[1] != original, True)
    view.settle()
    assert view.values()[0] == original
    view.button("play both").click()
    curve = view.race.locator("canvas.rlv-path-curve")
    expect(curve).to_have_attribute("aria-label", re.compile(f"^{re.escape(label)} over"), timeout=LONG)


def test_two_trajectories_are_compared_without_a_value(notebook, saved, explained):
    shown = notebook.show(SHOW.format("Compare(alone, trajectories=[0, 1])"))
    root = shown.get_by_role("region", name="Comparison")
    difference = root.get_by_role("region", name="trajectory 1 compared with trajectory 0")
    expect(difference.locator("[data-name=output]")).to_be_visible(timeout=LONG)
    expect(difference.locator("[data-name=value]")).to_be_hidden()
    expect(root.locator(".rlv-reading-value").first).to_have_text("no value headpolicy alone")
    assert notebook.lab.python("print(view.output)") == explained
