"""The published index: 41 agents that the authors of "Understanding RL Vision" put on the web, by their handles.

OpenAI's index (2020) has them as ``.jd`` files, opened by `rlvision_widgets.agents.published`. Only the file
``procgen/coinrun`` was at hand here; what is said of the others comes from the article and the code that wrote them.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.downloads import cache_folder, fetched
from rlvision_widgets.agents.published import PROCGEN_COINRUN, load_published
from rlvision_widgets.names import strict_keywords, unknown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PREFIX", "load_from_index", "published_agents"]

PREFIX = "openai:"
ROOT = "https://openaipublic.blob.core.windows.net/rl-clarity/attribution/models/"

PROCGEN = {
    "bigfish": "eat smaller fish, keep away from larger ones",
    "bossfight": "shoot a boss through its shields",
    "caveflyer": "fly through caves to the exit",
    "chaser": "eat all orbs, as in Pac-Man",
    "climber": "climb platforms for coins",
    "coinrun": "run and jump to the coin; the agent of most examples here",
    "dodgeball": "throw balls at enemies, then leave",
    "fruitbot": "collect fruit, avoid the rest",
    "heist": "open locks in order, take the gem",
    "jumper": "a bunny that double-jumps to a carrot",
    "leaper": "cross roads and rivers, as in Frogger",
    "maze": "find the cheese",
    "miner": "dig for diamonds under boulders",
    "ninja": "jump along ledges, throw stars",
    "plunder": "sink the enemy's ships, spare one's own",
    "starpilot": "a shooter that scrolls sideways",
}
SIZES = (100, 300, 1000, 3000, 10000, 30000, 100000)  # training levels in the article's study of diversity

HANDLES = {
    **{f"procgen/{game}": f"Procgen's {game}: {words}" for game, words in PROCGEN.items()},
    "coinrun": "original CoinRun: the article's own agent",
    **{
        f"finite_levels/run_{run}/coinrun_{size}": f"original CoinRun, {size:,} training levels, run {run}"
        for run in (1, 2)
        for size in SIZES
    },
    "edit/coinrun_saw_edit": "original CoinRun: the article's agent, blinded to buzzsaws",
    "edit/coinrun_enemy_edit": "original CoinRun: the article's agent, blinded to enemies moving left",
    **{f"impala/coinrun_ablation_{i}": "CoinRun, a variant of the IMPALA network" for i in range(8)},
}
"""Handle → what it is, in a few words."""

SHA256 = {"procgen/coinrun": PROCGEN_COINRUN}
"""Of the files that were at hand."""

LICENCE = "MIT, © 2020 OpenAI: that of its code, openai/understanding-rl-vision; the file itself names none"


def published_agents() -> "pd.DataFrame":
    """Return the published index, for `load_agent`.

    Returns
    -------
    DataFrame
        By name (``"openai:procgen/maze"``): `about`, what it is; `fetched`, whether its file is in the cache folder.
        Agents of original CoinRun see other sprites and physics in Procgen, where they play weakly.

    Examples
    --------
    >>> agent = rlv.load_agent("openai:procgen/maze")
    """
    import pandas as pd

    folder = _folder()
    rows = [(words, (folder / f"{handle}.jd").is_file()) for handle, words in HANDLES.items()]
    names = pd.Index([PREFIX + handle for handle in HANDLES], name="name")
    return pd.DataFrame(rows, index=names, columns=["about", "fetched"])


@strict_keywords
def load_from_index(name: str) -> Agent:
    """Return an agent of the published index; its file is fetched the first time.

    Parameters
    ----------
    name : str
        One of `published_agents`, e.g. ``"openai:procgen/maze"``.

    Raises
    ------
    ConnectionError
        When the file is not in the cache folder and cannot be fetched: says where to put it by hand.
    ValueError
        When no agent has that name, or the file is not what it was.
    """
    handle = name.removeprefix(PREFIX)
    if handle not in HANDLES:
        hint = f"Write it as {PREFIX + 'procgen/coinrun'!r}."
        raise ValueError(unknown("published agent", handle, HANDLES, hint))
    path = fetched(ROOT, f"{handle}.jd", _folder(), SHA256.get(handle))
    agent = load_published(path)
    return dataclasses.replace(
        agent,
        name=PREFIX + handle,
        info={
            **agent.info,
            "about": HANDLES[handle],
            "source": f"OpenAI, rl-clarity models, {handle}.jd",
            "url": f"{ROOT}{handle}.jd",
            "licence": LICENCE,
            "checked": "the published file" if handle in SHA256 else "the file that was first fetched to this machine",
        },
    )


def _folder() -> Path:
    return cache_folder() / "openai"
