"""What a reward is divided by before PPO sees it."""

from typing import Any

import numpy as np

__all__ = ["ReturnScale"]


class ReturnScale:
    """Running standard deviation of discounted returns, which rewards are divided by.

    Parameters
    ----------
    num_trajectories : int
        Environments that step together.
    gamma : float
        Discount per decision.
    fixed : float, optional
        Use this instead.
    """

    def __init__(self, num_trajectories: int, gamma: float, fixed: float | None = None) -> None:
        self.gamma, self.fixed = gamma, fixed
        self.returns = np.zeros(num_trajectories)
        self.count, self.mean, self.squares = 0.0, 0.0, 0.0

    def update(self, reward: np.ndarray[Any, Any], first: np.ndarray[Any, Any], rows: slice = slice(None)) -> None:
        """Take in one step's reward and whether it ended an episode, both (trajectory,), of these rows.

        Chan's parallel variance.
        """
        returns = self.returns[rows] * self.gamma + reward
        new, distance = returns.size, float(returns.mean()) - self.mean
        total = self.count + new
        self.mean += distance * new / total
        self.squares += float(returns.var()) * new + distance**2 * self.count * new / total
        self.count = total
        self.returns[rows] = np.where(first, 0, returns)

    @property
    def std(self) -> float:
        """Raw return that counts as 1; 1.0 until returns differ."""
        if self.fixed is not None:
            return self.fixed
        variance = self.squares / self.count if self.count else 0.0
        return float(variance**0.5) if variance > 0 else 1.0
