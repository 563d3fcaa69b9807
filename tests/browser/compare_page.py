"""The comparison as a person meets it, and two studies that part within a level."""

import numpy as np
import toy
from explorer_page import LONG, PIXELS, eventually, expect_answered
from playwright.sync_api import expect

SEEN, ACTED, ENDED = 5, 4, 8  # steps at which the second study first looks, acts and ends otherwise


def parted_studies():
    """Return two studies whose first trajectories start in one level, part in it, and end it at different steps."""
    one, other, elsewhere = toy.toy_study(), toy.toy_study(), toy.toy_study(seed=3)
    other.attrs["agent"] = "another agent"
    other["observation"].values[0, SEEN:] = elsewhere["observation"].values[0, SEEN:]
    other["action"].values[0, ACTED] = (one["action"].values[0, ACTED] + 1) % 15
    other["first"].values[0, ENDED] = True
    other["level_seed"].values[0, ENDED:11] = 123
    return one, other


class ComparePage:
    """One comparison on a page."""

    def __init__(self, inside):
        self.root = inside.get_by_role("region", name="Comparison")
        self.slider = self.root.get_by_role("slider", name="Step")
        self.members = self.root.locator(".rlv-member")

    def button(self, name):
        """Return the button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def choose(self, label, value):
        """Pick something in one of the menus of the first line."""
        self.root.get_by_role("combobox", name=label, exact=True).select_option(value)

    def expect_step(self, step):
        """Wait until the shared step is shown, also in the panels."""
        expect(self.slider).to_have_value(str(step), timeout=LONG)
        expect_answered(self.root)

    @property
    def step(self):
        """The step that is shown."""
        return int(self.slider.input_value())

    def expect_frames(self, *frames):
        """Wait until the members' observations are exactly these."""
        for member, frame in zip(self.members.all(), frames, strict=True):
            eventually(lambda m=member, f=frame: bool((_pixels(m, ".rlv-observation canvas") == f).all()), True)

    def difference(self):
        """Return the panel of differing pixels, (height, width)."""
        return _pixels(self.root, ".rlv-pixels:visible canvas")[..., 0]

    def drag(self, start, stop):
        """Drag over the curves, from one share of their width to another."""
        plot = self.root.locator(".rlv-plot")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        left, width = box["x"] + 40, box["width"] - 156
        mouse = self.root.page.mouse
        mouse.move(left + start * width, box["y"] + 100)
        mouse.down()
        mouse.move(left + stop * width, box["y"] + 100, steps=6)
        mouse.up()


def _pixels(inside, canvas):
    height, width, data = inside.locator(canvas).first.evaluate(PIXELS)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]
