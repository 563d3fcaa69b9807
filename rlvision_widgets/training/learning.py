"""Learning: gradient steps on what was played."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rlvision_widgets.training.losses import Losses
from rlvision_widgets.training.optimiser import follow
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.rollout import Rollout
from rlvision_widgets.training.run import Run
from rlvision_widgets.training.stopwatch import Stopwatch

__all__ = ["Learner"]


class Learner:
    """Takes gradient steps on rollouts.

    Parameters
    ----------
    run : Run
    options : TrainingOptions
    loss : callable
        `losses.losses`, perhaps compiled.
    watch : Stopwatch
        Is told what time goes into.
    teach : callable, optional
        From `make_teacher`: a teacher that sees what the student saw.
    """

    def __init__(
        self,
        run: Run,
        options: TrainingOptions,
        loss: Callable[..., Losses],
        watch: Stopwatch,
        teach: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        self.run, self.options, self.loss, self.watch, self.teach = run, options, loss, watch, teach

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Take one gradient step on each batch of the rollout; return the means of the losses."""
        run, options = self.run, self.options
        left = max(0.0, 1 - run.steps / options.steps)
        share = min(1.0, left / options.anneal) if options.anneal else 1.0
        falling = options.teacher_weight * max(0.0, 1 - run.steps / options.teacher_steps)
        weight = torch.tensor(falling, device=run.device)
        rows = [self._step(batch, weight, share) for batch in self._batches(rollout)]
        with self.watch("learning"):
            table = torch.stack(rows).cpu()
            self._check_weights()
        means = dict(zip(Losses._fields, table.mean(0).tolist(), strict=True))
        kl_at_start = float(table[0, Losses._fields.index("kl")])
        return {**means, "kl_at_start": kl_at_start, "learning_rate": options.learning_rate * share}

    def _check_weights(self) -> None:
        """Stop before weights that are no numbers are saved over those of the last checkpoint."""
        finite = torch.stack([weight.isfinite().all() for weight in self.run.network.parameters()])
        if not finite.all():
            raise ValueError(
                f"the weights are NaN or infinite at {self.run.steps:,} steps: training diverged. The last checkpoint "
                "is kept; go on from it with a lower learning rate."
            )

    def _batches(self, rollout: Rollout) -> Iterator[Rollout]:
        """Deal the decisions into batches at random, once an epoch."""
        flat = rollout.each(lambda part: part.flatten(0, 1))
        for _ in range(self.options.epochs):
            order = torch.randperm(len(flat.action), generator=self.run.random).to(self.run.device, non_blocking=True)
            for chosen in order.view(-1, self.options.batch_size):
                yield flat.each(lambda part, chosen=chosen: part[chosen])  # type: ignore[misc]

    def _step(self, batch: Rollout, weight: Tensor, share: float) -> Tensor:
        """Take one gradient step and return the losses before it."""
        run = self.run
        with self.watch("teacher"):
            lesson = self._lesson(batch)
        with self.watch("learning"):
            result = self.loss(run.network, batch, lesson, weight, self.options)
            run.optimiser.step(result.total, share)
            run.updates += 1
            follow(run.average, run.network, min(self.options.average, run.updates / (run.updates + 9)))
            return torch.stack([part.detach() for part in result])

    def _lesson(self, batch: Rollout) -> tuple[Tensor, Tensor] | None:
        """Return what the teacher would do (log-probabilities) and expect, in the value head's unit."""
        if batch.taught is not None and batch.taught_value is not None:
            taught, value = batch.taught, batch.taught_value
        elif self.teach is not None:
            taught, value = self.teach(batch.observation)
        else:
            return None
        return taught, value / self.run.scale.std  # a teacher's value is in raw reward
