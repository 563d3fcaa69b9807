"""Naming, colouring and tracing features in JupyterLab: what is done in one view is in the study and in the others."""

import json

import pytest
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.hostile = 1">'
TWO = "own = study.copy(deep=True).load(); one, two = rlv.Explorer(own), rlv.Explorer(own, step=9); display(one, two)"
NAMES = "import json; print(json.dumps(own['layers/2b']['feature_name'].values.tolist()))"
TRACED = """
import toy
agent = toy.toy_agent()
own = toy.built_study(agent, layers=["2a", "2b"], num_trajectories=1)
rlv.rename(own, "2b", 0, "round thing"); rlv.rename(own, "2a", 1, "dark edge")
view = rlv.Explorer(own, agent=agent, layer="2b", step=5, cell=[2, 3]); view
"""


@pytest.fixture
def views(notebook):
    output = notebook.show(TWO, views=2)
    both = ExplorerPage(output, 0), ExplorerPage(output, 1)
    both[0].expect_step(0)
    both[1].expect_step(9)
    return both


def rename_by_pointer(view, row, text):
    """Open a row's name for editing, however long the view's extras take to come, and type."""
    field = view.root.get_by_role("textbox", name="Name of")
    eventually(lambda: field.count() or view.features.nth(row).dblclick() or field.count(), 1)
    field.fill(text)
    return field


def test_a_name_typed_in_one_view_is_in_the_study_and_in_the_other_view(notebook, views):
    one, two = views
    rename_by_pointer(one, 1, "buzzsaw").press("Enter")
    for view in views:
        expect(view.features.nth(1)).to_contain_text("buzzsaw", timeout=LONG)
    assert json.loads(notebook.lab.python(NAMES)) == ["coin", "buzzsaw", "enemy", "platform"]
    expect(one.features.nth(1)).to_be_focused()
    notebook.page.keyboard.press("F2")
    field = one.root.get_by_role("textbox", name="Name of buzzsaw")
    expect(field).to_be_focused()
    field.fill("never")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(one.features.nth(1)).to_contain_text("buzzsaw")
    rename_by_pointer(two, 1, "").press("Enter")
    for view in views:
        expect(view.features.nth(1)).to_contain_text("feature 1", timeout=LONG)
    assert json.loads(notebook.lab.python(NAMES))[1] == "feature 1"


def test_a_hostile_name_is_text_and_a_wrong_one_says_so_and_can_be_mended(notebook, views):
    one, two = views
    rename_by_pointer(one, 0, HOSTILE).press("Enter")
    for view in views:
        expect(view.features.nth(0)).to_contain_text(HOSTILE, timeout=LONG)
        assert view.root.locator("img").count() == 0
    assert json.loads(notebook.lab.python(NAMES))[0] == HOSTILE
    assert notebook.page.evaluate("() => window.hostile") is None
    notebook.lab.python("own['layers/2b'].attrs['method'] = 'gradients'")  # names of these are refused
    field = rename_by_pointer(two, 2, "crimson")
    field.press("Enter")
    expect(two.root.get_by_role("region", name="Legend").get_by_role("status")).to_contain_text(
        "Only features that are computed can be named", timeout=LONG
    )
    expect(field).to_have_value("crimson")
    notebook.lab.python("own['layers/2b'].attrs['method'] = 'attribution'")
    field.press("Enter")
    expect(one.features.nth(2)).to_contain_text("crimson", timeout=LONG)


def test_typing_a_name_triggers_nothing_else(notebook, views):
    one, _ = views
    field = rename_by_pointer(one, 0, "")
    field.press_sequentially("add b, x m 1 2 [ ] dd")
    field.press("ArrowLeft")
    field.press("Home")
    one.expect_step_only(0)
    expect(field).to_have_value("add b, x m 1 2 [ ] dd")
    field.press("Escape")
    expect(notebook.page.locator(".jp-MarkdownCell")).to_have_count(0)
    expect(one.features.nth(0)).to_have_attribute("aria-pressed", "false")


def test_leaving_the_field_keeps_the_name_even_for_another_row(notebook, views):
    one, _ = views
    rename_by_pointer(one, 0, "gold")
    one.features.nth(2).hover()
    one.root.get_by_role("button", name="Rename enemy").click()
    field = one.root.get_by_role("textbox", name="Name of enemy")
    expect(one.features.nth(0)).to_contain_text("gold", timeout=LONG)
    expect(field).to_be_focused()
    field.fill("walker")
    one.slider.focus()
    expect(one.features.nth(2)).to_contain_text("walker", timeout=LONG)
    expect(field).to_have_count(0)
    assert json.loads(notebook.lab.python(NAMES)) == ["gold", "saw", "walker", "platform"]


def test_a_colour_is_chosen_and_both_views_are_painted_with_it(notebook, views):
    one, two = views
    one.root.get_by_role("button", name="Colour of coin").focus()
    palette = one.root.get_by_role("group", name="Colour of coin")
    eventually(lambda: palette.is_visible() or notebook.page.keyboard.press("Enter") or palette.is_visible(), True)
    palette.get_by_role("button", name="purple").click()
    expect(palette).to_be_hidden()
    eventually(lambda: notebook.lab.python("print(own['layers/2b']['colour'].values[0])"), "#CC79A7")
    study = notebook.lab.python("import toy; print(toy.toy_study()['layers/2b']['colour'].values[0])")
    assert study != "#CC79A7"
    for view, step in ((one, 0), (two, 9)):
        view.features.nth(0).hover()
        eventually(lambda v=view: reddest(v), True)
        view.root.locator(".rlv-steps").hover()
        view.expect_step_only(step)


def reddest(view):
    """Whether what is drawn most strongly is purple: more red and blue than green."""
    pixels = view.pixels("raises").astype(int)
    chroma = pixels.max(-1) - pixels.min(-1)
    red, green, blue = pixels.reshape(-1, 3)[chroma.argmax()]
    return chroma.max() > 40 and red > blue > green


def test_a_script_s_rename_shows_at_once(notebook, views):
    notebook.lab.python("rlv.rename(own, '2b', 3, 'ledge', colour='#0072B2')")
    for view in views:
        expect(view.features.nth(3)).to_contain_text("ledge", timeout=LONG)


def test_a_feature_is_traced_back_through_the_layers_with_names_and_sums(notebook):
    view = ExplorerPage(notebook.show(TRACED))
    view.expect_step(5)
    inspector = view.root.get_by_role("region", name="Cell inspector")
    inspector.get_by_role("button", name="round thing", exact=True).click(timeout=LONG)
    trace = inspector.get_by_role("region", name="Trace")
    sources = trace.get_by_role("group", name="Features that make it").get_by_role("button")
    expect(sources).to_have_count(4, timeout=LONG)  # 2a has features: it is traced at once
    expect(sources.nth(1)).to_contain_text("dark edge")
    found = json.loads(notebook.lab.python(TRACE))
    for button, total in zip(sources.all(), found["totals"], strict=False):
        number = button.locator(".rlv-number").inner_text().replace("−", "-")
        places = len(number.partition(".")[2])
        assert float(number) == pytest.approx(total, abs=0.5 * 10**-places + 1e-5)
    expect(trace).to_contain_text("completeness error")
    eventually(lambda: sources.nth(0).is_enabled() or sources.nth(1).is_enabled(), True)
    strongest = max(range(3), key=lambda k: abs(found["totals"][k]))
    name = sources.nth(strongest).locator(".rlv-trace-name").inner_text()
    sources.nth(strongest).click()
    crumbs = trace.get_by_role("navigation", name="Traced back").get_by_role("button")
    expect(crumbs).to_have_count(2)
    expect(crumbs.nth(1)).to_have_text(f"2a {name}")
    # Nothing before 2a has features: they are fitted, the view hears of them, and the trace goes on.
    expect(sources).to_have_count(4, timeout=LONG)
    features = "print([len(x['features']) for x in view._study['layers'] if x['name'] == '1a'])"
    eventually(lambda: notebook.lab.python(features), "[3]")
    crumbs.nth(0).click()
    expect(crumbs).to_have_count(1)
    expect(sources.nth(1)).to_contain_text("dark edge")
    trace.get_by_role("combobox", name="Layer to trace to").select_option("input")
    expect(sources.nth(0)).to_contain_text("red", timeout=LONG)
    expect(sources.nth(0)).to_be_disabled()


TRACE = """
import json
found = view.source.connection.trace(0, 5, "2b", 0, 2, 3, "2a")
print(json.dumps({"totals": found["total"].values.tolist()}))
"""
