"""Codes of channel vectors on non-negative directions: non-negative least squares for many rows at once."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["nonnegative_codes"]

ROWS = 2**15  # solved together: their codes stay in a core's cache
PRECISION = 1e-6  # of a block's largest code: codes that move less in a sweep have settled
MOST_SWEEPS = 1000


def nonnegative_codes(
    rows: Float[Tensor, "row channel"], direction: Float[Tensor, "feature channel"]
) -> Float[Tensor, "row feature"]:
    """Return the non-negative codes whose sum of code times direction is nearest to each row.

    Sweeps over the features, each solved exactly with the others held fixed, until nothing moves. NMF directions are
    close to one-hot, so a few sweeps do.

    Parameters
    ----------
    rows : Float[Tensor, "row channel"]
        Any real numbers.
    direction : Float[Tensor, "feature channel"]
        Any scale; a feature of zeros gets the code 0.

    Returns
    -------
    Float[Tensor, "row feature"]
        Minimises the Euclidean distance, as `scipy.optimize.nnls` does row by row.
    """
    gram = direction @ direction.T
    norms = gram.diagonal()
    if torch.equal(gram, norms.diag()):  # nothing is shared, so each code stands alone: hundreds of channels are quick
        alone = (rows @ direction.T).clamp_min_(0)
        return alone / norms.where(norms > 0, 1)
    codes = rows.new_zeros(len(direction), len(rows))  # a feature's codes lie together, as the sweeps read them
    for start in range(0, len(rows), ROWS):
        _settle(codes[:, start : start + ROWS], direction @ rows[start : start + ROWS].T, gram)
    return codes.T


def _settle(codes: Tensor, wanted: Tensor, gram: Tensor) -> None:
    """Sweep over `codes`, (feature, row), in place."""
    norms = gram.diagonal().tolist()
    for _ in range(MOST_SWEEPS):
        moved = 0.0
        for feature, norm in enumerate(norms):
            if norm > 0:
                own = codes[feature]
                step = (wanted[feature] - gram[feature] @ codes).div_(norm)
                better = (own + step).clamp_min_(0)
                moved = max(moved, float((better - own).abs_().max()))
                own.copy_(better)
        if moved <= PRECISION * float(codes.max()):
            return
