"""Nothing of a view is left when its host ends it: counted on pages without Jupyter (`js/harness`)."""

import pytest
from explorer_page import ExplorerPage, eventually, settle
from instruments import instrument, kept
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
LISTENING = "() => rlv.listening()"


@pytest.fixture
def open_page(browser, harness):
    """Open a page of the harness that counts what is alive on it."""
    pages, errors = [], []

    def open_query(query, name="harness.html"):
        page = browser.new_page()
        instrument(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{harness.replace('harness.html', name)}?{query}")
        page.locator("[data-ready]").first.wait_for()
        pages.append(page)
        return page

    yield open_query
    for page in pages:
        page.close()
    assert errors == []


def expect_nothing_left(page):
    """End the view, as its host does, and assert that all of it goes."""
    assert kept(page), "the instruments see what a view needs"
    page.evaluate("() => rlv.life.abort()")
    expect(page.locator("#view > *")).to_have_count(0)
    eventually(lambda: kept(page), [])
    assert page.evaluate(LISTENING) == 0


@pytest.mark.parametrize(
    "query",
    [
        "step=40&playing=true&fps=30",
        "step=40&agent=1&more_outputs=RIGHT&combine=true&look=article",
        "step=40&opened=1",
        "step=40&agent=1&cell=5,7",
        "step=40&story=Obscured saw&note=0",
        "step=40&centred=true&view_range=20,120&selected_range=30,60&loop=true&playing=true",
        "step=40&agent=1&layer=3a",
        "view=grid&feature=1",
    ],
)
def test_a_view_leaves_nothing_behind(open_page, query):
    page = open_page(query)
    settle(page)
    expect_nothing_left(page)


def test_everything_opened_one_after_another_leaves_nothing_behind(open_page):
    page = open_page("step=40&agent=1&stories=1")
    settle(page)
    for button in page.locator("#view button[aria-haspopup]:visible").all():
        button.click()
        settle(page)
    changes = {"story": "Obscured saw", "note": 0, "cell": [5, 7], "opened": 1, "view_range": [20, 120]}
    for name, value in changes.items():
        page.evaluate("([name, value]) => rlv.model.set(name, value)", [name, value])
        settle(page)
    for name in ("opened", "cell"):
        page.evaluate("([name, value]) => rlv.model.set(name, value)", [name, None if name == "opened" else []])
    page.locator("#view button[aria-haspopup]:visible").first.click()
    page.locator("#view canvas").first.hover()
    page.evaluate("() => rlv.model.set('playing', true)")
    eventually(lambda: ExplorerPage(page).step > 42, True)
    expect_nothing_left(page)


def test_a_view_that_ends_while_it_still_waits_leaves_nothing_behind(open_page):
    page = open_page("step=40")
    page.evaluate("() => { rlv.model.set('opened', 1); rlv.model.set('step', 400); rlv.model.set('cell', [5, 7]); }")
    expect_nothing_left(page)


def test_a_comparison_leaves_nothing_behind(open_page):
    page = open_page("step=40&playing=true", "compare.html")
    settle(page)
    expect_nothing_left(page)
