"""The editor as a person meets it: switches, the list of edits, what the edited agent makes of the frame."""

import re

import numpy as np
from explorer_page import LONG, PIXELS, expect_answered
from playwright.sync_api import expect


class EditorPage:
    """One editor on a page."""

    def __init__(self, inside):
        self.root = inside.get_by_role("region", name="Editor")
        self.page = inside.page if hasattr(inside, "page") else inside
        self.entries = self.root.locator(".rlv-ed-entry")
        self.notice = self.root.get_by_role("alert")
        self.race = self.root.get_by_role("region", name="Race")
        self.measurement = self.root.get_by_role("region", name="Measurement")

    def button(self, name):
        """Return the button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def switch(self, name):
        """Return a feature's switch."""
        rows = self.root.get_by_role("group", name="Features")
        return rows.get_by_role("switch", name=f"Edit {name}", exact=True)

    def strength(self, name):
        """Return a feature's slider."""
        return self.root.get_by_role("slider", name=f"Strength of editing {name}", exact=True)

    def settle(self):
        """Wait until what is shown is what is asked for."""
        expect_answered(self.root)

    def listed(self):
        """Return the names of the edits in their order."""
        return self.root.locator(".rlv-ed-entry-name").all_inner_texts()

    def expect_listed(self, *names):
        """Wait until exactly these edits are listed, and their answer is there."""
        expect(self.root.locator(".rlv-ed-entry-name")).to_have_text(list(names), timeout=LONG)
        self.settle()

    def values(self):
        """Return the value of the original and of the edited agent, as they are written."""
        texts = self.root.locator(".rlv-ed-before, .rlv-ed-after").all_inner_texts()
        return [float(re.match(r"[−\d.]+", text).group().replace("−", "-")) for text in texts]

    def map_of(self, side, direction):
        """Return what raises or lowers the output for one agent: (height, width, rgb) uint8."""
        canvas = self.root.get_by_role("img", name=f"{side}: what {direction} the output")
        height, width, data = canvas.evaluate(PIXELS)
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

    def expect_said(self, pattern):
        """Wait until the line that screen readers follow says it."""
        live = self.root.locator("[aria-live=polite]")
        expect(live).to_have_text(re.compile(pattern), timeout=LONG)

    def drag(self, slider, share):
        """Drag a slider's thumb to a share of its width, without letting go."""
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        low, high = (float(slider.get_attribute(name)) for name in ("min", "max"))
        start = (float(slider.input_value()) - low) / (high - low)
        self.page.mouse.move(box["x"] + 6 + start * (box["width"] - 12), y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 6 + share * (box["width"] - 12), y, steps=8)
