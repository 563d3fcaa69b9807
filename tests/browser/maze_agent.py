"""A small network that has learnt nothing, for mazes: the same weights in every process."""

import torch

import rlvision_widgets as rlv


class Mouse(torch.nn.Module):
    """Two layers, a policy and a value."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 5, stride=4, padding=2)
        self.second = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.policy = torch.nn.Linear(4 * 16 * 16, 15)
        self.value = torch.nn.Linear(4 * 16 * 16, 1)

    def forward(self, x):
        """Return logits and value."""
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x)).flatten(1)
        return self.policy(x), self.value(x)


def maze_agent():
    """Return an agent for easy mazes."""
    torch.manual_seed(0)
    world = {"name": "maze", "distribution_mode": "easy"}
    return rlv.wrap_agent(Mouse(), layers=["first", "second"], environment=world, value_scale=10.0)
