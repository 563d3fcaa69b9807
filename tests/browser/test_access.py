"""Every view for people who do not use a mouse, or do not see the screen: names, roles, contrast, focus, motion."""

import re

import pytest
import toy
from compare_page import parted_studies
from explorer_page import LONG, ExplorerPage, eventually, settle
from playwright.sync_api import expect

import rlvision_widgets as rlv
from rlvision_widgets.snapshot import save_snapshot

pytestmark = pytest.mark.browser

LOOKS = [{"theme": "light"}, {"theme": "dark"}, {"theme": "light", "width": 700}]
STATES = {
    "plain": "step=40",
    "three rows": "step=40&agent=1&more_outputs=RIGHT;value",
    "both signs, article": "step=40&combine=true&look=article",
    "a feature alone": "step=40&feature=1&show_residual=true",
    "change": "step=40&mode=change",
    "gradients": "step=40&layer=input",
    "not computed": "step=40&layer=3a&agent=1",
    "feature grid open": "step=40&opened=1",
    "cell open": "step=40&agent=1&cell=5,7",
    "story open": "step=40&story=Obscured saw&note=0",
    "zoomed and brushed": "step=40&view_range=20,120&selected_range=30,60",
    "kernel fails": "kernel=error",
    "feature grid alone": "view=grid&feature=1",
}
# axe runs all of its rules, best practices with them, on what a view shows. Those that judge a whole page (its title,
# language, landmarks and first heading) it leaves out by itself here: the page around a view is the notebook's. Of the
# rules that are off unless asked for, the size of targets (WCAG 2.2) is asked for; AAA contrast and the experimental
# ones are not. Not asked of are the part of the timeline that is shown and its edges: they are as large as that
# part, and as the criterion has it something large enough does the same, the buttons + and - and the wheel.
AXE = """async (where) => {
    const rules = { "target-size": { enabled: true } };
    const { violations } = await axe.run(where, { resultTypes: ["violations"], rules });
    const excepted = (id, html) => id === "target-size" && /rlv-(edge|pane)/.test(html);
    return violations
        .flatMap(({ id, nodes }) => nodes.map((node) => ({ id, ...node })))
        .filter(({ id, html }) => !excepted(id, html))
        .map(({ id, target, html, failureSummary }) =>
            `${id}: ${target.join(" ")} ${html.slice(0, 120)} ${failureSummary.split("\\n").slice(0, 2).join(" ")}`);
}"""


@pytest.fixture
def open_page(browser):
    """Open an address in a page of its own; it must report no error."""
    pages, errors = [], []

    def open_address(address, *, theme="light", width=1400, **media):
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=theme, **media)
        page.goto(address)
        page.locator("[data-ready], [role=alert]").first.wait_for()
        pages.append(page)
        return page

    yield open_address
    for page in pages:
        page.close()
    assert errors == []


def expect_no_violation(page, axe, where="#view"):
    """Assert that axe finds nothing in that part of the page."""
    if page.evaluate("() => window.axe === undefined"):
        page.evaluate(axe)
    assert page.evaluate(AXE, where) == []


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "narrow"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_wrong(open_page, harness, axe, state, look):
    page = open_page(f"{harness}?{STATES[state]}&theme={look['theme']}", **look)
    settle(page)
    expect_no_violation(page, axe)


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "narrow"])
def test_axe_finds_nothing_wrong_in_any_menu(open_page, harness, axe, look):
    page = open_page(f"{harness}?step=40&agent=1&stories=1&theme={look['theme']}", **look)
    buttons = page.locator("#view button[aria-haspopup]:visible")
    settle(page)
    names = []
    for button in buttons.all():
        names.append(button.get_attribute("aria-label") or button.inner_text())
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        settle(page)
        expect_no_violation(page, axe)
        page.keyboard.press("Escape")
        expect(button).to_have_attribute("aria-expanded", "false")
        expect(button).to_be_focused()
    assert len(names) >= 5, names


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "narrow"])
def test_axe_finds_nothing_wrong_where_a_note_is_written(open_page, harness, axe, look):
    page = open_page(f"{harness}?step=40&story=Obscured saw&note=0&theme={look['theme']}", **look)
    page.get_by_role("region", name="Story").get_by_role("button", name=re.compile("edit", re.I)).first.click()
    expect(page.get_by_role("textbox").first).to_be_visible()
    settle(page)
    expect_no_violation(page, axe)


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "narrow"])
def test_axe_finds_nothing_wrong_in_a_comparison(open_page, harness, axe, look):
    address = harness.replace("harness.html", f"compare.html?step=40&theme={look['theme']}")
    page = open_page(address, **look)
    settle(page)
    expect_no_violation(page, axe)


def views():
    study = toy.toy_study()
    return {
        "explorer": rlv.Explorer(study, step=20),
        "grid": rlv.FeatureGrid(study, feature=1),
        "story": rlv.Story(study.copy(), "A walk", [rlv.Note("It sees the **coin**.", steps=slice(10, 14))]),
        "compare": rlv.Compare(*parted_studies()),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["explorer", "grid", "story", "compare"])
def test_axe_finds_nothing_wrong_on_a_whole_page_without_a_kernel(open_page, axe, tmp_path, name, theme):
    save_snapshot(views()[name], tmp_path / "page.html", progress=False)
    page = open_page((tmp_path / "page.html").as_uri(), theme=theme)
    settle(page)
    expect_no_violation(page, axe, "html")


# Where the focus is: its number among the view's controls, what it is called, and whether it can be seen there.
FOCUSED = """() => {
    const root = document.querySelector("#view");
    const all = [...root.querySelectorAll("*")];
    const at = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
    const box = at.getBoundingClientRect();
    const name = at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent;
    return root.contains(at) ? {
        index: all.indexOf(at), name: `${at.tagName} ${name.trim().slice(0, 40)}`,
        ring: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none",
        size: box.width * box.height, left: box.left, top: box.top,
    } : null;
}"""
CONTROLS = """() => [...document.querySelectorAll("#view :is(button, select, input, textarea, a[href], summary)")]
    .filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0)
    .filter((one) => !(one.type === "radio" && !one.checked))
    .map((one) => [...document.querySelectorAll("#view *")].indexOf(one))"""


def is_marked(page, index):
    """Tell whether a control looks otherwise when it has the focus: a slider's ring is around its thumb."""
    control = page.locator("#view *").nth(index)
    control.focus()
    focused = control.screenshot()
    control.blur()
    return control.screenshot() != focused


def walk(page, key, most=250):
    """Press a key until the focus leaves the view; return where it was in turn."""
    stops = []
    for _ in range(most):
        page.keyboard.press(key)
        at = page.evaluate(FOCUSED)
        if at is None:
            if stops:
                return stops
            continue
        stops.append(at)
    raise AssertionError(f"the focus does not leave the view: {[at['name'] for at in stops[-5:]]}")


@pytest.mark.parametrize(
    "query",
    [
        "step=40&agent=1&more_outputs=RIGHT",
        "step=40&opened=1",
        "step=40&agent=1&cell=5,7",
        "step=40&story=Obscured saw&note=0",
        "step=40&view_range=20,120&selected_range=30,60",
        "view=grid&feature=1",
    ],
)
@pytest.mark.parametrize("width", [1400, 700])
def test_tab_reaches_every_control_in_the_order_of_the_page_and_back(open_page, harness, query, width):
    page = open_page(f"{harness}?{query}", width=width)
    settle(page)
    page.evaluate(
        "() => { document.activeElement.blur(); document.querySelector('#view').insertAdjacentHTML("
        "'beforebegin', '<button id=before>before</button>'); document.querySelector('#before').focus(); }"
    )
    page.evaluate(
        "() => document.querySelector('#view').insertAdjacentHTML('afterend', '<button id=after>after</button>')"
    )
    stops = walk(page, "Tab")
    order = [at["index"] for at in stops]
    assert order == sorted(set(order)), "every control once, as they follow each other in the page"
    reached = set(order)
    lost = [index for index in page.evaluate(CONTROLS) if index not in reached]
    described = page.evaluate(
        "(lost) => lost.map((at) => document.querySelectorAll('#view *')[at].outerHTML.slice(0, 160))", lost
    )
    assert described == []
    assert [at["name"] for at in stops if not (at["ring"] or is_marked(page, at["index"]))] == []
    assert [at["name"] for at in stops if at["size"] == 0] == []
    page.locator("#after").focus()
    assert [at["name"] for at in walk(page, "Shift+Tab")] == [at["name"] for at in reversed(stops)]


def test_a_menu_opens_by_enter_and_esc_gives_the_focus_back(open_page, harness):
    page = open_page(f"{harness}?step=40&agent=1&stories=1")
    settle(page)
    for button in page.locator("#view button[aria-haspopup]:visible").all():
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_attribute("aria-expanded", "true")
        settle(page)
        page.keyboard.press("Escape")
        expect(button).to_have_attribute("aria-expanded", "false")
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        settle(page)
        page.keyboard.press("Tab")
        if button.evaluate("(button) => button.parentElement.contains(document.activeElement)"):
            page.keyboard.press("Escape")
            expect(button).to_be_focused()
        expect(button).to_have_attribute("aria-expanded", "false")  # a menu closes when the focus leaves it


def test_keys_outside_of_the_view_are_nobody_s(open_page, harness):
    page = open_page(f"{harness}?step=40")
    explorer = ExplorerPage(page)
    explorer.expect_step(40)
    page.evaluate(
        "() => { window.seen = []; document.activeElement.blur();"
        "window.addEventListener('keydown', (e) => seen.push([e.key, e.defaultPrevented])); }"
    )
    keys = ["ArrowRight", "Home", " ", "Escape", "l", "+", "n", "?"]
    for key in keys:
        page.keyboard.press(key)
    assert page.evaluate("() => seen") == [[key, False] for key in keys]
    explorer.expect_step(40)
    explorer.slider.focus()
    page.keyboard.press("ArrowRight")
    explorer.expect_step(41)


def test_nobody_is_moved_who_asked_for_quiet(open_page, harness):
    """Neither by playback that starts by itself nor by transitions; what flickers is warned of."""
    page = open_page(f"{harness}?step=5&playing=true&fps=30", reduced_motion="reduce")
    explorer = ExplorerPage(page)
    settle(page)
    explorer.expect_step(5)
    expect(explorer.button("Play")).to_be_visible()
    moving = """() => [...document.querySelectorAll("#view *")].filter((one) => {
        const { transitionDuration, animationDuration, animationName } = getComputedStyle(one);
        const lasts = (durations) => durations.split(",").some((duration) => parseFloat(duration) > 0);
        return lasts(transitionDuration) || (animationName !== "none" && lasts(animationDuration));
    }).map((one) => one.className)"""
    assert page.evaluate(moving) == []
    explorer.button("Help").click()
    expect(explorer.root.get_by_role("dialog", name="Help")).to_contain_text(
        "sensitive to flashing light", timeout=LONG
    )
    page.keyboard.press("Escape")
    explorer.button("Play").click()
    eventually(lambda: explorer.step > 5, True)


def test_screen_readers_hear_the_step(open_page, harness):
    explorer = ExplorerPage(open_page(f"{harness}?step=40"))
    explorer.expect_step(40)
    expect(explorer.slider).to_have_attribute("aria-valuetext", re.compile(r"^step 40 of \d+, episode .*value "))
