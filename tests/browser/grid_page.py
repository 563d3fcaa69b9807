"""The feature grid as a person meets it: by what is written on it, and by what its cells say."""

import numpy as np
from explorer_page import LONG, PIXELS
from playwright.sync_api import expect


class GridPage:
    """One feature grid on a page.

    Parameters
    ----------
    root : Locator
        The view, or the part of an explorer.
    """

    def __init__(self, root):
        self.root = root
        self.page = root.page
        self.cells = root.get_by_role("grid", name="Patches")
        self.cell = root.get_by_role("gridcell")
        self.picture = root.locator(".rlv-grid-picture")
        self.frame = root.get_by_role("group", name="Whole frame")
        self.readout = root.locator(".rlv-grid-readout")
        self.density = root.get_by_role("slider", name="Density of patches")
        self.zoom = root.get_by_role("slider", name="Zoom")

    def button(self, name):
        """Return the button of that name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def expect_size(self, side):
        """Wait until the grid has so many rows and columns."""
        expect(self.cells).to_have_attribute("aria-rowcount", str(side), timeout=LONG)
        expect(self.cells).to_have_attribute("aria-colcount", str(side))

    def expect_cell(self, row, column):
        """Wait until the focused cell is this one, counted from 1."""
        expect(self.cell).to_have_count(1)
        expect(self.cell).to_be_focused(timeout=LONG)
        assert self.cell.get_attribute("aria-label").startswith(f"row {row}, column {column}, strength ")
        assert self.cells.get_by_role("row").get_attribute("aria-rowindex") == str(row)
        assert self.cell.get_attribute("aria-colindex") == str(column)

    def point_at(self, row, column):
        """Move the mouse over a cell, counted from 1."""
        box, side = self.picture.bounding_box(), int(self.cells.get_attribute("aria-rowcount"))
        places = ((at - 0.5) / side for at in (column, row))
        self.page.mouse.move(
            *(
                box[start] + place * box[size]
                for start, size, place in zip("xy", ("width", "height"), places, strict=True)
            )
        )

    def pixels(self):
        """Return what the canvas shows, (height, width, rgba)."""
        height, width, data = self.root.locator(".rlv-grid-canvas").evaluate(PIXELS)
        return np.array(data, np.uint8).reshape(height, width, 4)

    def whole_frame(self):
        """Return the whole frame that is open, (height, width, rgb)."""
        height, width, data = self.frame.locator("canvas").evaluate(PIXELS)
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]
