"""The snapshot page, opened from its file without any network."""

import re

import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect

from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer

pytestmark = pytest.mark.browser
HOSTILE = '</script><img src=x onerror="window.hostile = true"><script>window.hostile = true</script>'


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


@pytest.fixture(scope="module")
def file(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "toy.html"
    save_snapshot(Explorer(study, trajectory=1, step=20), path)
    return path


class Opened:
    """A page opened from a file, with all that it asked for and complained about."""

    def __init__(self, browser, path, **media):
        self.page = browser.new_page()
        self.errors, self.requests = [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        if media:
            self.page.emulate_media(**media)
        self.page.goto(path.as_uri())
        self.view = ExplorerPage(self.page)


@pytest.fixture
def open_page(browser):
    opened = []

    def open_file(path, **media):
        opened.append(Opened(browser, path, **media))
        return opened[-1]

    browser.set_offline(True)
    yield open_file
    browser.set_offline(False)
    for one in opened:
        one.page.close()
        assert one.errors == []


def test_it_opens_as_saved_and_asks_for_nothing_but_itself(open_page, file, study):
    opened = open_page(file)
    opened.view.expect_frame(study, 1, 20)
    opened.view.expect_attribution(study, 1, 20)
    schemes = [url.split(":")[0] for url in opened.requests]
    assert opened.requests[0] == file.as_uri()
    assert set(schemes[1:]) <= {"blob", "data"}
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("What made-up agent sees in shapes")


def test_everything_can_be_scrubbed_played_and_isolated_without_a_kernel(open_page, file, study):
    opened = open_page(file)
    view, keyboard = opened.view, opened.page.keyboard
    view.expect_step(20)
    view.slider.fill("128")
    view.expect_frame(study, 1, 128)
    view.slider.focus()
    keyboard.press("ArrowRight")
    view.expect_frame(study, 1, 129)
    view.drag(0.1, 0.4)
    assert 0 < view.step < 129
    view.button("Next trajectory").click()
    view.slider.fill("65")
    view.expect_frame(study, 2, 65)
    view.features.nth(3).hover()
    view.expect_attribution(study, 2, 65, feature=3)
    view.root.locator(".rlv-observation canvas").hover()
    view.expect_attribution(study, 2, 65)
    view.button("Play").click()
    eventually(lambda: view.step > 68, True)
    view.button("Pause").click()


def test_all_three_trajectories_show_their_strip_and_totals(open_page, file, study):
    opened = open_page(file)
    opened.view.expect_step(20)
    opened.view.button("2 of 3").click()
    for index in range(3):
        expect(opened.page.locator(f'[data-index="{index}"] canvas')).to_have_attribute("data-drawn", "1", timeout=LONG)
    total = study["layers/2b/outputs/value"]["total"].values[1, 20, 0]
    expect(opened.view.features.nth(0)).to_contain_text(f"{abs(total):.3f}")


def test_nothing_is_offered_that_needs_a_kernel(open_page, file):
    view = open_page(file).view
    view.expect_step(20)
    expect(view.root.get_by_role("button", name=re.compile("compute", re.I))).to_have_count(0)
    assert view.root.get_by_role("combobox", name="Output").locator("option").all_inner_texts() == ["value"]
    assert view.root.get_by_role("group", name="Layer").get_by_role("button").all_inner_texts() == ["2b"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_s_colours(open_page, file, scheme):
    view = open_page(file, color_scheme=scheme).view
    view.expect_step(20)
    background, text = view.root.evaluate(
        """(root) => [getComputedStyle(root).backgroundColor, getComputedStyle(root).color]
            .map((colour) => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"""
    )
    assert (background > text) == (scheme == "light")


def test_who_asked_for_quiet_gets_no_motion(open_page, study, tmp_path):
    save_snapshot(Explorer(study), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8").replace('"playing":false', '"playing":true')
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    moving = open_page(tmp_path / "page.html").view
    eventually(lambda: moving.step > 1, True)
    quiet = open_page(tmp_path / "page.html", reduced_motion="reduce").view
    quiet.expect_step(0)
    expect(quiet.button("Play")).to_be_visible()


def test_hostile_names_stay_text(open_page, tmp_path):
    study = toy.toy_study()
    study["layers/2b"]["feature_name"].values[0] = HOSTILE
    study.attrs["agent"] = HOSTILE
    save_snapshot(study, tmp_path / "hostile.html", title=HOSTILE)
    opened = open_page(tmp_path / "hostile.html")
    opened.view.expect_step(0)
    expect(opened.view.features.nth(0)).to_contain_text(HOSTILE)
    assert opened.page.evaluate("() => window.hostile") is None
    assert opened.page.title() == HOSTILE


def test_a_damaged_page_says_so_instead_of_staying_empty(browser, file, tmp_path):
    text = file.read_text(encoding="utf-8")
    damaged = tmp_path / "damaged.html"
    damaged.write_text(re.sub(r"(data-rlv-state>).", r"\1x", text, count=1), encoding="utf-8")
    page = browser.new_page()
    page.goto(damaged.as_uri())
    expect(page.get_by_role("alert")).to_contain_text("could not be shown", timeout=LONG)
    page.close()
