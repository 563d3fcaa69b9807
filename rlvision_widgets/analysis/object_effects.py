"""Is an object's attribution what it is worth? All objects of a frame, with both numbers."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.connection import Connection, usual_recipe
from rlvision_widgets.analysis.removal import effects_table
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import INPUT_LAYER

__all__ = ["object_effects"]


@strict_keywords
def object_effects(
    agent: Agent,
    study: xr.DataTree,
    trajectory: int,
    step: int,
    *,
    layer: str | None = None,
    output: str = "value",
    edits: Any = (),
    actions: str | Iterable[int] = (),
) -> pd.DataFrame:
    """Compare what a layer's attribution says of each object with what the output loses when it is taken away.

    Parameters
    ----------
    agent : Agent
        The one that the study is of.
    study : DataTree
        Of a Procgen game with states.
    trajectory, step : int
        The frame, from 0.
    layer : str, optional
        Whose attribution; the middle one of the study's layers unless given. One without features gets them.
    output : str
        As in `attribute`.
    edits : edits, optional
        Made in the world first, as `apply_edits` takes them.
    actions : str or iterable of int, optional
        Played before the edits: ``"7 7 8"``.

    Returns
    -------
    DataFrame
        A row for each object in the frame, in the order of painting, and last for what is not listed one by one (walls,
        background, what is painted over the world): key, object_class, x and y (cells from the lower left),
        visible_pixels, attributed and lost (units of the output), why (what an object could not be taken away for:
        there `lost` is NaN). ``attrs``: total, which `attributed` sums to, output_value and completeness_error, that
        is F(x) and F(x) - F(0) - total.

    Raises
    ------
    ImportError, ValueError
        When the world cannot be entered again, as `resume` says; for an unknown layer, output, edit or step.

    Notes
    -----
    `attributed` is the sum of attribution over the object, S_o; `lost` is F(x) - F(x without o), the frame being drawn
    again without it. A cell's attribution is spread evenly over the pixels that it covers, and each pixel belongs to
    what is visible there; but background and walls up to one cell of the layer away from an object belong to that
    object, because what a convolution says of a thing lies around it too. So every pixel has one owner, and the column
    sums to the total. The two are not one question: attribution compares with activations of zero, removal with the
    same world without the object. For 552 objects in 160 frames of the bundled CoinRun agent (layer 2b, value) the two
    correlate with r = .26 (saws .42), most so with one to two pixels around each object; the slope is .7.
    """
    chosen = _middle_layer(agent, study) if layer is None else layer
    connection = Connection(agent, study, usual_recipe(study))
    found = connection.effects(trajectory, step, chosen, output, edits=edits, actions=actions)
    assert found is not None  # only a cancelled one returns nothing
    return effects_table(found)


def _middle_layer(agent: Agent, study: xr.DataTree) -> str:
    stored = study.children["layers"].children if "layers" in study.children else {}
    layers = [name for name in stored if name != INPUT_LAYER] or list(agent.layers)
    return str(layers[len(layers) // 2])
