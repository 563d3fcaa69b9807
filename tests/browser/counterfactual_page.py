"""The counterfactual view as a person meets it: objects in the frame, the changes made to it, and what came of them."""

import re

import numpy as np
from explorer_page import LONG, PIXELS, eventually, expect_answered
from playwright.sync_api import expect

SIDE = 64  # pixels of a frame


class CounterfactualPage:
    """One counterfactual view on a page."""

    def __init__(self, inside):
        self.root = inside.get_by_role("region", name="Counterfactual")
        self.stage = self.root.locator(".rlv-stage")
        self.changes = self.root.get_by_role("list", name="Changes").or_(self.root.locator(".rlv-edits"))
        self.notice = self.root.get_by_role("alert")
        self.table = self.root.locator(".rlv-objects tbody tr")

    def button(self, name):
        """Return the button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def settle(self):
        """Wait until the pictures and the table are those of the world that is asked for."""
        expect_answered(self.root)
        expect(self.root).not_to_have_attribute("data-effects", "coming", timeout=LONG)
        expect(self.root.get_by_text("Fetching the numbers…")).to_have_count(0, timeout=LONG)

    def objects(self):
        """Return what the list of objects says, in its order."""
        return self.stage.get_by_role("option").all_text_contents()

    def edits(self):
        """Return the changes as they are listed."""
        return self.root.locator(".rlv-edit-chip > span").all_inner_texts()

    def expect_edits(self, *texts):
        """Wait until exactly these changes are listed, and their picture is there."""
        eventually(self.edits, list(texts))
        self.settle()

    def value(self, side):
        """Return the value that is written beside one of the worlds."""
        text = self.root.locator(f'[data-side="{side}"] .rlv-side .rlv-value').first.inner_text()
        return float(text.removeprefix("V ").replace("−", "-"))

    def pixels(self, side=None):
        """Return the frame that is changed, or that of one of the worlds: (height, width, rgb) uint8."""
        canvas = self.stage.locator("canvas.rlv-frame")
        if side is not None:
            canvas = self.root.locator(f'[data-side="{side}"] canvas').first
        height, width, data = canvas.evaluate(PIXELS)
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

    def at(self, column, row):
        """Return where a pixel of the frame lies on the page."""
        self.stage.scroll_into_view_if_needed()
        box = self.stage.bounding_box()
        return box["x"] + box["width"] * column / SIDE, box["y"] + box["height"] * row / SIDE

    def click(self, column, row):
        """Click a pixel of the frame."""
        self.root.page.mouse.click(*self.at(column, row))

    def drag(self, start, *points):
        """Drag over the frame, from one of its pixels over others."""
        mouse = self.root.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        for point in points:
            mouse.move(*self.at(*point), steps=6)
        mouse.up()

    def expect_said(self, pattern):
        """Wait until the line that screen readers follow says it."""
        live = self.root.locator("[aria-live=polite]")
        expect(live).to_have_text(re.compile(pattern), timeout=LONG)
