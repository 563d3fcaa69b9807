"""Stable-Baselines3's recurrent policies (RecurrentPPO of its contributions): an LSTM before the dense layers.

The value has an LSTM of its own, reads the policy's, or none at all. A state here is four tensors (batch, layer, unit):
hidden and cell of the policy's LSTM, and of the value's (zeros where it has none of its own).
"""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["no_memory", "with_memory"]

State = tuple[Tensor, Tensor, Tensor, Tensor]


def no_memory(lstm: nn.LSTM, batch: int) -> State:
    """Return the state before the first step."""
    hidden, cell, hidden_vf, cell_vf = torch.zeros(4, batch, lstm.num_layers, lstm.hidden_size)
    return hidden, cell, hidden_vf, cell_vf


def with_memory(policy: Any, x: Tensor, state: State, first: Tensor) -> tuple[Tensor, Tensor, State]:
    """Return logits, value and the state after the step; forgotten where `first` is true.

    Parameters
    ----------
    policy : RecurrentActorCriticPolicy
    x : Tensor
        Pixels as its features extractor takes them.
    state : tuple of 4 Tensor
    first : bool Tensor, (batch,)
    """
    kept = (~first).to(x.dtype)[:, None, None]
    hidden, cell, hidden_vf, cell_vf = (kept * part for part in state)
    features = policy.pi_features_extractor(x)
    features_vf = features if policy.share_features_extractor else policy.vf_features_extractor(x)
    latent, hidden, cell = _step(policy.lstm_actor, features, hidden, cell)
    if policy.lstm_critic is not None:
        latent_vf, hidden_vf, cell_vf = _step(policy.lstm_critic, features_vf, hidden_vf, cell_vf)
    else:
        latent_vf = latent if policy.shared_lstm else policy.critic(features_vf)
    logits = policy.action_net(policy.mlp_extractor.forward_actor(latent))
    value = policy.value_net(policy.mlp_extractor.forward_critic(latent_vf))
    return logits, value, (hidden, cell, hidden_vf, cell_vf)


def _step(lstm: nn.LSTM, features: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    before = (hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous())
    output, after = lstm(features[None], before)
    return output[0], after[0].transpose(0, 1), after[1].transpose(0, 1)
