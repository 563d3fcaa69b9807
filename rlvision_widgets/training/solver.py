"""A teacher that knows the way: the shortest one to a maze's cheese, looked up in the emulator's state."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rlvision_widgets.environments import Environment
from rlvision_widgets.environments.mazes import NOOP, agent_cell, closer_moves, steps_to_cheese
from rlvision_widgets.environments.states import parse_state
from rlvision_widgets.training.options import TrainingOptions

__all__ = ["Solver"]

NEEDED = ("LEFT", "DOWN", "NOOP", "UP", "RIGHT")
REWARD = 10.0  # of the cheese
MOST_MAZES = 4096  # that are kept, at most 50 MB
UNLIKELY = 1e-8  # so that logarithms are finite


class Solver:
    """The teacher ``solver``: its policy is the next move of a shortest way, its value what that way will earn.

    Moves that are equally good share the probability. On the cheese, and where no way leads to it, the teacher stays.
    Each maze is searched once; after that a lesson costs a look at the agent's cell.

    Parameters
    ----------
    options : TrainingOptions
        How many actions the student has, and the discount per decision.
    action_names : tuple of str
        The student's actions.
    environment : Environment
        Where it will teach, or one like it.

    Raises
    ------
    ValueError
        When the environment is no maze with states, or the student cannot move in every direction.
    """

    def __init__(self, options: TrainingOptions, action_names: tuple[str, ...], environment: Environment) -> None:
        if environment.name != "maze" or not environment.has_states:
            states = "" if environment.has_states else " without states"
            raise ValueError(
                f"the teacher 'solver' looks the way to the cheese up in a maze's states, and this is "
                f"{environment.name}{states}. Name an agent as the teacher, or none."
            )
        lacking = [name for name in NEEDED if name not in action_names]
        if lacking:
            raise ValueError(f"the teacher 'solver' moves with {lacking} too, and the student has {action_names}.")
        self._num_actions, self._gamma = options.num_actions, options.gamma
        self._searched: dict[bytes, npt.NDArray[np.float64]] = {}

    def lesson(self, environment: Environment) -> tuple[Tensor, Tensor]:
        """Return log-probabilities (trajectory, action) and raw values (trajectory,) for what is on show, float32."""
        probability = np.zeros((environment.num_trajectories, self._num_actions), np.float32)
        value = np.zeros(environment.num_trajectories, np.float32)
        for index in range(environment.num_trajectories):
            moves, left = self._way(environment.get_state(index))
            probability[index, moves] = 1 / len(moves)
            value[index] = REWARD * self._gamma**left if left < np.inf else 0
        return torch.from_numpy(np.log(np.maximum(probability, UNLIKELY))), torch.from_numpy(value)

    def _way(self, data: bytes) -> tuple[list[int], float]:
        """Return the moves that begin a shortest way, and how many steps it has."""
        state = parse_state(data)
        maze = state.grid.tobytes()
        if maze not in self._searched:
            if len(self._searched) >= MOST_MAZES:
                self._searched.clear()
            self._searched[maze] = steps_to_cheese(state)
        steps, (x, y) = self._searched[maze], agent_cell(state)
        return closer_moves(steps, (x, y)) or [NOOP], float(steps[y, x])
