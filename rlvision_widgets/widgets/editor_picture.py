"""The original agent and the edited one as pixels: what each makes of a frame, and a race of both."""

from typing import Any

from rlvision_widgets.widgets import counterfactual_picture as two
from rlvision_widgets.widgets.kept import Asked, Kept
from rlvision_widgets.widgets.kept_edits import Answered
from rlvision_widgets.widgets.poster import Pixels
from rlvision_widgets.widgets.source import StudySource

__all__ = ["picture_of", "picture_of_race"]

SIDES = ("original", "edited")


def picture_of(
    source: StudySource, question: dict[str, Any], answer: Answered, scale: float, feature: int | None = None
) -> Pixels:
    """Draw what both agents make of a frame, a row of panels each; as `counterfactual_picture.picture_of`."""
    asked = Asked(question["trajectory"], question["step"], "", "", question["layer"], question["output"])
    seen = answer.data["observation"].expand_dims(version=2)  # both see the same
    shown = Kept(answer.data.assign(observation=seen), {"edits": answer.told["texts"]})
    return two.picture_of(source, asked, shown, scale, feature, sides=SIDES)


def picture_of_race(source: StudySource, question: dict[str, Any], answer: Answered, step: int) -> Pixels:
    """Draw one moment of a race, both agents side by side."""
    asked = Asked(question["trajectory"], question["step"], "", "", "", "value")
    return two.picture_of_play(source, asked, answer.data, answer.told, step, sides=SIDES)
