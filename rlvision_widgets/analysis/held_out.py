"""Levels that judge an edit, apart from those that chose it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["apart", "chosen_by", "held_out_levels"]

Levels = Sequence[int] | npt.NDArray[np.integer]


def apart(evaluated: Levels, selection: Levels | None) -> None:
    """Raise ValueError if levels that chose an edit are among those that are to judge it."""
    both = np.intersect1d(np.asarray(evaluated), np.asarray([] if selection is None else selection))
    if len(both):
        raise ValueError(
            f"{len(both)} of the {len(evaluated)} levels evaluated were used to choose the edit (e.g. level seed "
            f"{int(both[0])}), so that it would be judged by what it was chosen for: evaluate other levels."
        )


def chosen_by(study: xr.DataTree | None, selection: Levels | None = None) -> npt.NDArray[np.int64]:
    """Return the seeds of levels that chose an edit: those in a study's rollout, and more."""
    shown = [] if study is None else [np.asarray(study["level_seed"].values).ravel()]
    more = [] if selection is None else [np.asarray(selection).ravel()]
    return np.unique(np.concatenate([np.array([], np.int64), *shown, *more]).astype(np.int64))


def held_out_levels(levels: int | Levels, seed: int, selection: Levels = ()) -> npt.NDArray[np.int64]:
    """Return level seeds to judge by, none of which is among those that chose: those given, or a number drawn.

    Fewer levels of a seed are the first ones of more, and where none of the selection is drawn they are those that
    `evaluate` draws.

    Raises
    ------
    ValueError
        When levels that were given are among the selection.
    """
    from rlvision_widgets.analysis.levels import draw_levels  # a card is read without what plays levels

    if isinstance(levels, bool) or not isinstance(levels, int | np.integer):
        seeds = draw_levels(levels, seed)
        apart(seeds, selection)
        return seeds
    number = int(levels)
    while True:
        drawn = draw_levels(number, seed)
        kept = drawn[~np.isin(drawn, np.asarray(selection))]
        if len(kept) >= levels:
            return kept
        number += int(levels) - len(kept)
