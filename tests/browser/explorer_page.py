"""The explorer as a person meets it: by what is written on it, and by what its panels show."""

import re
import time

import numpy as np
from playwright.sync_api import expect

from rlvision_widgets.widgets.poster import composite

LONG = 60_000  # milliseconds that a busy machine may take; nothing waits longer than it has to
PIXELS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.height, canvas.width, Array.from(data)];
}"""


def eventually(read, expected):
    """Assert that `read()` becomes `expected` before long."""
    until = time.monotonic() + LONG / 1000
    while (found := read()) != expected and time.monotonic() < until:
        time.sleep(0.05)
    assert found == expected


def expect_answered(view):
    """Wait until a view, or a part of one, shows what was asked of it last."""
    # A view says that it is stale in the frame that it draws next: until then it looks as if nothing had been asked.
    view.page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(view).not_to_have_attribute("data-stale", "", timeout=LONG)


def settle(page):
    """Wait until nothing that was asked for is still on its way."""
    waiting = page.get_by_text(re.compile("^(Fetching|Opening)")).filter(visible=True)
    expect(waiting).to_have_count(0, timeout=LONG)
    page.wait_for_timeout(300)  # opacities change within 250 ms


class ExplorerPage:
    """One view on a page.

    Parameters
    ----------
    inside : Locator or Page
        What contains the view.
    number : int
        Which one of the views there.
    """

    def __init__(self, inside, number=0):
        self.root = inside.get_by_role("region", name="Explorer").nth(number)
        self.slider = self.root.get_by_role("slider", name="Step", exact=True)
        self.steps = self.root.locator(".rlv-transport > .rlv-steps")
        self.features = self.root.get_by_role("group", name="Features").locator("button[aria-pressed]")

    def button(self, name):
        """Return the button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def expect_step_only(self, step):
        """Wait until the step is shown in the slider and in words."""
        expect(self.steps).to_have_text(f"{step} / {self.last_step}", timeout=LONG)
        expect(self.slider).to_have_value(str(step))

    def expect_step(self, step):
        """Wait until the step is shown, also in the panels."""
        self.expect_step_only(step)
        expect_answered(self.root)
        expect(self.root.locator(".rlv-observation canvas")).to_have_attribute(
            "aria-label", f"observation, step {step}", timeout=LONG
        )

    @property
    def last_step(self):
        """The slider's end."""
        return int(self.slider.get_attribute("max"))

    @property
    def step(self):
        """The step that is written."""
        return int(self.steps.inner_text().split("/")[0])

    def pixels(self, panel):
        """Return what a panel (observation, raises, lowers, both) shows: (height, width, rgb) uint8."""
        height, width, data = self.root.locator(f".rlv-{panel} canvas.rlv-frame").evaluate(PIXELS)
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

    def expect_frame(self, study, trajectory, step):
        """Assert that the observation is the study's, pixel by pixel."""
        self.expect_step(step)
        expected = study["observation"].values[trajectory, step]
        eventually(lambda: np.array_equal(self.pixels("observation"), expected), True)

    def expect_attribution(self, study, trajectory, step, *, layer="2b", feature=None):
        """Assert that both attribution panels show what Python would draw, pixel by pixel, up to rounding."""
        self.expect_step(step)
        for panel, sign in (("raises", 1), ("lowers", -1)):
            expected = attribution_picture(study, trajectory, step, sign, layer=layer, feature=feature)
            eventually(lambda p=panel, e=expected: _differs(self.pixels(p), e) <= 1, True)

    def drag(self, start, stop):
        """Drag over the curves, from one share of their width to another."""
        box = self.root.locator(".rlv-plot").bounding_box()
        mouse, y = self.root.page.mouse, box["y"] + box["height"] / 2
        mouse.move(box["x"] + start * box["width"], y)
        mouse.down()
        mouse.move(box["x"] + stop * box["width"], y, steps=5)
        mouse.up()


def attribution_picture(study, trajectory, step, sign, *, layer, feature):
    """Draw one panel in Python."""
    node = study[f"layers/{layer}/outputs/value"]
    frame = node.dataset.isel(trajectory=trajectory, step=step)
    strength = frame["attribution"].values * float(frame["scale"]) / node.attrs["display_scale"]
    colours = [list(bytes.fromhex(str(colour)[1:])) for colour in study[f"layers/{layer}"]["colour"].values]
    shown = slice(None) if feature is None else slice(feature, feature + 1)
    observation = study["observation"].values[trajectory, step]
    return composite(observation, sign * strength[..., shown], np.array(colours, float)[shown])


def _differs(found, expected):
    return int(np.abs(found.astype(int) - expected).max()) if found.shape == expected.shape else 255
