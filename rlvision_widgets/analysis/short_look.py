"""A short look at an agent at play: what it is shown, what it makes of it, and some states on the way."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from rlvision_widgets.analysis.players import gives_action_values
from rlvision_widgets.analysis.playing import Act, Player, streams
from rlvision_widgets.environments.environment import Environment

__all__ = ["ShortLook", "look_at_play"]

STEPS = 64
EVERY = 8  # steps between two looks: neighbouring frames are nearly equal
DEAF = 0.01  # of the probability, moved from frame to frame
STATES = 3  # kept at each look


@dataclass
class ShortLook:
    """What was seen; rows are frames.

    Attributes
    ----------
    observation : uint8 array, (frame, height, width, rgb)
    policy_logits : float32 array, (frame, logit)
    value : float32 array, (frame,), or None
    states : list of bytes
        Of the emulator, where it has any.
    action_values : bool
        The logits are those of Q-learning, which are not sampled.
    """

    observation: npt.NDArray[np.uint8]
    policy_logits: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32] | None
    states: list[bytes] = field(default_factory=list)
    action_values: bool = False

    @property
    def policy(self) -> npt.NDArray[np.float32]:
        """Probabilities of the actions, (frame, action)."""
        logits = self.policy_logits
        chances: npt.NDArray[np.float32]
        if self.action_values:
            chances = (np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, np.newaxis]).astype(np.float32)
        else:
            chances = softmax(logits, axis=1)
        return chances

    @property
    def moved(self) -> float:
        """Most of the probability that goes elsewhere from one frame to the next."""
        return 0.5 * float(np.abs(np.diff(self.policy, axis=0)).sum(axis=1).max())

    @property
    def deaf(self) -> bool:
        """Whether the policy is as good as the same for all frames."""
        return self.moved < DEAF


def look_at_play(agent: Act, worlds: Environment, seed: int) -> ShortLook:
    """Let an agent play `STEPS` steps in each of some worlds, with sampled actions, and keep every `EVERY`-th.

    Parameters
    ----------
    agent : Agent or callable
    worlds : Environment
    seed : int
        Of the action noise.
    """
    player, noise = Player(agent, worlds.action_names), streams(seed, range(worlds.num_trajectories))
    observed, seen, states = worlds.observe(), [], []
    for step in range(STEPS):
        played = player.play(observed, noise)
        if step % EVERY == 0:
            seen.append((observed.observation, played.policy_logits, played.value))
            some = {(step // EVERY + place * 5) % worlds.num_trajectories for place in range(STATES)}
            states += [worlds.get_state(index) for index in sorted(some)] if worlds.has_states else []
        observed = worlds.step(played.action)
    frames, logits, values = zip(*seen, strict=True)
    value = None if values[0] is None else np.concatenate(values)
    return ShortLook(np.concatenate(frames), np.concatenate(logits), value, states, gives_action_values(agent))
