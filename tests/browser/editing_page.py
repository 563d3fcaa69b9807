"""The editor within the explorer: switches beside the legend's features, and what they do below."""

from explorer_page import LONG, ExplorerPage, expect_answered
from playwright.sync_api import expect


class EditingPage(ExplorerPage):
    """One explorer on a page, with the part open in which its agent is edited, or not."""

    def __init__(self, inside, number=0):
        super().__init__(inside, number)
        self.toggle = self.button("edit agent")
        self.section = self.root.get_by_role("region", name="Editing")
        self.rows = self.root.get_by_role("group", name="Features")
        self.list = self.section.get_by_role("list", name="Edits, in their order").get_by_role("listitem")
        self.race = self.section.get_by_role("button", name="play both")

    def open(self):
        """Open the part, and wait until its answer is there."""
        self.toggle.click()
        expect(self.section).to_be_visible(timeout=LONG)
        self.settle()

    def settle(self):
        """Wait until the answer is about what is asked for."""
        expect_answered(self.section)

    def switch(self, name):
        """Return the switch beside a feature in the legend."""
        return self.rows.get_by_role("switch", name=f"Edit {name}", exact=True)

    def strength(self, name):
        """Return the slider beside a feature in the legend."""
        return self.rows.get_by_role("slider", name=f"Strength of editing {name}", exact=True)

    def values(self):
        """Return the value of the original agent and of the edited one, as they are written."""
        texts = (self.section.locator(f".rlv-ed-{side}").first.inner_text() for side in ("before", "after"))
        return tuple(float(text.split(" (")[0].replace("−", "-")) for text in texts)
