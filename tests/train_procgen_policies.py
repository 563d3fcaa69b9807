"""Policies with the names and the computation of train-procgen-pytorch's, written anew and in small."""

import torch
from torch import nn
from torch.distributions import Categorical
from torch.nn import functional


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(functional.relu(self.conv1(functional.relu(x))))


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.res1, self.res2 = Residual(after), Residual(after)

    def forward(self, x):
        return self.res2(self.res1(functional.max_pool2d(self.conv(x), 3, 2, 1)))


class ImpalaModel(nn.Module):
    def __init__(self, colours=3, size=64):
        super().__init__()
        self.block1, self.block2, self.block3 = Block(colours, 3), Block(3, 4), Block(4, 5)
        self.output_dim = 12
        self.fc = nn.Linear(5 * (size // 8) ** 2, self.output_dim)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(x)))
        return functional.relu(self.fc(functional.relu(x).reshape(len(x), -1)))


class NatureModel(nn.Module):
    def __init__(self, colours=3, cells=4):
        super().__init__()
        self.output_dim = 10
        self.layers = nn.Sequential(
            *(nn.Conv2d(colours, 4, 8, 4), nn.ReLU(), nn.Conv2d(4, 5, 4, 2), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(6 * cells**2, self.output_dim), nn.ReLU()),
        )

    def forward(self, x):
        return self.layers(x)


class Gru(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.gru = nn.GRU(size, size)

    def forward(self, x, hxs, masks):
        out, hxs = self.gru(x[None], (hxs * masks[:, None])[None])
        return out[0], hxs[0]


class CategoricalPolicy(nn.Module):
    def __init__(self, embedder, recurrent, action_size):
        super().__init__()
        self.embedder = embedder
        self.fc_policy = nn.Linear(embedder.output_dim, action_size)
        self.fc_value = nn.Linear(embedder.output_dim, 1)
        self.recurrent = recurrent
        if recurrent:
            self.gru = Gru(embedder.output_dim)

    def forward(self, x, hx, masks):
        hidden = self.embedder(x)
        if self.recurrent:
            hidden, hx = self.gru(hidden, hx, masks)
        logits = functional.log_softmax(self.fc_policy(hidden), dim=1)
        return Categorical(logits=logits), self.fc_value(hidden).reshape(-1), hx


def procgen_policy(embedder="impala", recurrent=False, action_size=15):
    """Return a policy with random weights, the same ones every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CategoricalPolicy({"impala": ImpalaModel, "nature": NatureModel}[embedder](), recurrent, action_size)
