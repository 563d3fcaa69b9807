"""The edit card as a page, opened from its file without any network: accessible, in both themes, on paper."""

import pytest
from card_tree import card_tree, without
from lab import ROOT

from rlvision_widgets.snapshot import save_snapshot

pytestmark = pytest.mark.browser

PARTS = ["ceiling", "null", "dose", "internals", "probes"]
SECTIONS = ["causes", "null", "ceiling", "dose", "internals", "probes", "protocol"]
AXE = """async () => {
    const rules = { "target-size": { enabled: true } };
    const { violations } = await axe.run("html", { resultTypes: ["violations"], rules });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.html} ${node.failureSummary}`));
}"""
BRIGHTNESS = """(card) => [getComputedStyle(card).backgroundColor, getComputedStyle(card).color]
    .map((colour) => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"""
# What stands out of the page, or out of what can be scrolled within it.
WIDER = """() => [...document.querySelectorAll(".rlv-card *")].filter((one) => !one.closest(".scroll, svg, details"))
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((one) => one.outerHTML.slice(0, 80))"""
# Texts of a drawing that lie over one another.
OVERLAPS = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
    const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([a, one], i) => boxes.slice(i + 1)
        .filter(([, other]) => one.left < other.right && other.left < one.right
            && one.top + 2 < other.bottom && other.top + 2 < one.bottom)
        .map(([b]) => `${a} / ${b}`));
})"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    save_snapshot(card_tree(), folder / "whole.html")
    save_snapshot(without(card_tree(), *PARTS), folder / "bare.html")
    return folder


@pytest.fixture
def open_page(browser):
    """Open a file offline; it must ask for nothing and report no error."""
    pages, errors, requests = [], [], []

    def open_file(path, *, width=1400, **media):
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(**media)
        page.goto(path.as_uri())
        pages.append(page)
        return page

    browser.set_offline(True)
    yield open_file
    browser.set_offline(False)
    for page in pages:
        page.close()
    assert errors == []
    assert [url for url in requests if not url.startswith("file:")] == []
    assert len(requests) == len(pages)


@pytest.mark.parametrize("name", ["whole.html", "bare.html"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("light", 700), ("dark", 700)])
def test_axe_finds_nothing_and_nothing_stands_out(open_page, files, name, scheme, width):
    page = open_page(files / name, width=width, color_scheme=scheme)
    for folded in page.locator("summary").all():
        folded.click()
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    assert page.evaluate(AXE) == []
    assert page.evaluate(WIDER) == []
    assert page.evaluate(OVERLAPS) == []
    background, text = page.locator(".rlv-card").evaluate(BRIGHTNESS)
    assert (background > text) == (scheme == "light")


def test_it_is_read_in_the_order_of_its_questions(open_page, files):
    page = open_page(files / "whole.html")
    tops = [page.locator(f"section.{key}").bounding_box()["y"] for key in SECTIONS]
    assert tops == sorted(tops)
    names = [page.get_by_role("region", name=name).count() for name in ("Failures by cause", "Protocol")]
    assert names == [1, 1]
    assert page.get_by_role("img").count() == page.locator("figure").count() == 11
    title = page.get_by_role("heading", level=1)
    assert title.inner_text() == "Edit card: saw-blind and enemy-blind"


def test_tables_that_do_not_fit_are_scrolled_by_key(open_page, files):
    page = open_page(files / "whole.html", width=420)
    table = page.locator("section.causes .scroll").first
    table.focus()
    before = table.evaluate("(one) => one.scrollWidth > one.clientWidth ? one.scrollLeft : null")
    assert before == 0
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(one) => one.scrollLeft > 0", arg=table.element_handle())
    assert page.evaluate(WIDER) == []


def test_paper_shows_what_is_folded_on_light_ground(open_page, files):
    page = open_page(files / "whole.html", color_scheme="dark", media="print")
    background, text = page.locator(".rlv-card").evaluate(BRIGHTNESS)
    assert background == 3 * 255
    assert text < 200
    folded = page.locator("section.null details table").last
    assert folded.evaluate("(one) => one.getBoundingClientRect().height") > 400
    assert page.pdf().startswith(b"%PDF")
