"""What a recurrent agent remembers at a moment that never was: recorded frames, then those that presses led to.

The edits of a situation are made in the world, so that the agent sees them from the press on that follows them.
"""

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.frames import Seen, read
from rlvision_widgets.analysis.lab import Lab, Moment
from rlvision_widgets.analysis.remembering import frames_of_trajectory, memory_before
from rlvision_widgets.analysis.situation import Press, Situation

__all__ = ["seen_then"]


def seen_then(agent: Agent, study: xr.DataTree, lab: Lab, situation: Situation, moment: Moment) -> Seen:
    """Return the frame of a moment as the agent sees it, (height, width, rgb): a recurrent one with its memory.

    Parameters
    ----------
    agent : Agent
    study : DataTree
        The one that the situation is of.
    lab : Lab
        Makes the frames before each press.
    situation : Situation
    moment : Moment
        Where it leads; presses after the end of its episode are not counted.
    """
    if not agent.recurrent:
        return moment.observation
    seen = read(frames_of_trajectory(agent, study, situation.trajectory).isel(step=situation.step))
    assert isinstance(seen, Remembered)
    presses = [count for count, item in enumerate(situation.items) if isinstance(item, Press)]
    for count in presses[: moment.presses]:
        before = Situation(situation.trajectory, situation.step, situation.items[:count])
        _, _, state = agent(seen.showing(lab.reach(before).observation[np.newaxis]))
        seen = memory_before(agent, moment.observation[np.newaxis], state, np.zeros(1, bool))[0]
    return seen.showing(moment.observation[np.newaxis])[0]
