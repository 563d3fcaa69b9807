"""The edit card in JupyterLab: bqplot figures that draw the numbers, tables beside them, the notebook's theme."""

import pytest
from lab import change_theme
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SHOW = "from card_tree import card_tree\nview = rlv.EditCard(card_tree())\nview"
FIGURES = 11
INK = "(card) => getComputedStyle(card).color.match(/\\d+/g).slice(0, 3).map(Number)"


@pytest.fixture
def card(notebook):
    output = notebook.show(SHOW, views=0)
    expect(output.locator(".bqplot svg.svg-figure")).to_have_count(FIGURES, timeout=120_000)
    return output


def test_it_reads_from_the_headline_to_the_protocol(card, notebook):
    expect(card.get_by_role("heading", level=1)).to_have_text("Edit card: saw-blind and enemy-blind")
    names = card.get_by_role("heading", level=2).all_inner_texts()
    assert [names[0], names[-1], len(names)] == ["Failures by cause", "Protocol", 7]
    expect(card.get_by_role("table", name="saw-blind (the edited agent)")).to_contain_text("12.8")
    titles = card.locator(".bqplot .mainheading").all_text_contents()
    assert titles[0] == "Levels failed, by cause, of 5,000 each"
    assert len(set(titles)) == FIGURES
    first = card.locator(".bqplot").first
    expect(first.locator(".dot")).to_have_count(4 * 5)
    expect(first.locator(".axis .tick text", has_text="out of time")).to_have_count(1)


def test_a_dot_says_what_it_is(card, notebook):
    dot = card.locator(".bqplot").nth(2).locator(".dot").first
    dot.scroll_into_view_if_needed()
    dot.hover()
    tooltip = notebook.page.locator(".tooltiptext", has_text="saw-blind / channel 0: ")
    expect(tooltip).to_be_visible()


def test_it_follows_the_notebook_s_theme(card, notebook):
    head = card.locator(".rlv-card").first
    light = head.evaluate(INK)
    try:
        change_theme(notebook.page, "Dark")
        assert sum(head.evaluate(INK)) > 600
        assert sum(light) < 200
    finally:
        change_theme(notebook.page, "Light")
