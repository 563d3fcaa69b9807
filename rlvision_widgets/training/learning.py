"""Learning: gradient steps on what was played."""

from collections.abc import Callable

import torch
from torch import Tensor

from rlvision_widgets.training.losses import Losses
from rlvision_widgets.training.optimiser import follow
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.rollout import Rollout
from rlvision_widgets.training.run import Run

__all__ = ["learn"]


def learn(
    run: Run,
    rollout: Rollout,
    options: TrainingOptions,
    loss: Callable[..., Losses],
    teach: Callable[[Tensor], tuple[Tensor, Tensor]] | None,
) -> dict[str, float | None]:
    """Take one gradient step on each batch of the rollout; return the means of the losses."""
    left = max(0.0, 1 - run.steps / options.steps)
    share = min(1.0, left / options.anneal) if options.anneal else 1.0
    weight = torch.tensor(options.teacher_weight * max(0.0, 1 - run.steps / options.teacher_steps))
    flat = Rollout(*(part.flatten(0, 1) for part in rollout))
    rows = []
    for _ in range(options.epochs):
        order = torch.randperm(len(flat.action), generator=run.random).to(options.device)
        for chosen in order.view(-1, options.batch_size):
            batch = Rollout(*(part[chosen] for part in flat))
            lesson = None
            if teach is not None:
                taught, taught_value = teach(batch.observation)
                lesson = (taught, taught_value / run.scale.std)  # a teacher's value is in raw reward
            result = loss(run.network, batch, lesson, weight.to(options.device), options)
            run.optimiser.step(result.total, share)
            run.updates += 1
            follow(run.average, run.network, min(options.average, run.updates / (run.updates + 9)))
            rows.append(torch.stack([part.detach() for part in result]))
    table = torch.stack(rows).cpu()
    means = dict(zip(Losses._fields, table.mean(0).tolist(), strict=True))
    return {
        **means,
        "kl_at_start": float(table[0, Losses._fields.index("kl")]),
        "learning_rate": options.learning_rate * share,
    }
