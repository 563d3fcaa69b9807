"""Train an agent with PPO, alone or with a teacher.

Read `options` (what can be asked), then the pieces: `return_scale`, `rollout` (advantages), `losses`, `optimiser`; then
`worlds` (groups of environments, edited), `devices`, `run` (the state, and the checkpoint that holds it), `teachers`
and `solver`, `collecting` (play), `learning`, `exporting` (the agent and its card), `series`, `legs`, and `loop`, which
puts them together and keeps a folder::

    runs/coinrun/checkpoint.pt       all that a resumed run needs, written aside and then renamed
    runs/coinrun/log.jsonl           one line an iteration
    runs/coinrun/agent.safetensors   the agent so far, its value in raw task reward
    runs/coinrun/agent.json          its card: options, legs, learning curve, hardware
    runs/coinrun/series/             agents kept along the way, if asked for

PPO is Schulman et al. 2017 with the details of Cobbe et al. 2020 ("Leveraging Procedural Generation"), but one pass
over each rollout in bfloat16: what counts here is processor time, not steps. The bundled agent came from fewer steps
with a teacher (kickstarting: Schmitt et al. 2018); its card holds the commands and the curve. For a GPU:
``--device cuda --groups 2 --environment-threads 8``; that path has been run for its logic on a CPU, not yet on a GPU.
"""

from typing import TYPE_CHECKING, Any

from rlvision_widgets.training.arguments import add_arguments, options_from_arguments
from rlvision_widgets.training.options import TrainingOptions

if TYPE_CHECKING:
    from rlvision_widgets.training.loop import train as train

__all__ = ["TrainingOptions", "add_arguments", "options_from_arguments", "train"]


def __getattr__(name: str) -> Any:
    if name == "train":  # the command line reads the options without torch
        from rlvision_widgets.training.loop import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
