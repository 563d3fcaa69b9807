"""What an editor shows, as traits: their defaults, and what they refuse."""

from typing import Any

import traitlets as t

from rlvision_widgets.widgets.answers.editing import MOST_LEVELS
from rlvision_widgets.widgets.editing_traits import EditingTraits
from rlvision_widgets.widgets.frame_traits import FrameTraits, within

__all__ = ["EditorTraits"]


class EditorTraits(EditingTraits, FrameTraits):
    """A view of one study with the traits of `Editor`, which says what they mean."""

    num_steps = t.Int(100).tag(sync=True)
    levels = t.Int(256).tag(sync=True)

    @t.validate("levels")
    def _check_levels(self, proposal: dict[str, Any]) -> int:
        return within("levels", int(proposal["value"]), 1, MOST_LEVELS)
