"""What a check finds out about an agent's network, from frames alone: outputs, policy, value, layers."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.probing import logit_range, probe_frames
from rlvision_widgets.analysis.check_report import Finding, percent
from rlvision_widgets.analysis.short_look import ShortLook

__all__ = ["action_findings", "button_finding", "layer_finding", "layer_table", "network_findings"]

ROUNDING = 1000  # units in the last place by which outputs computed in two ways may differ
LAYER_FRAMES = 4
UNSURE, SURE = 0.98, 0.02  # of the largest entropy: as if untrained, as if its input were far too large


def network_findings(agent: Agent, look: ShortLook) -> list[Finding]:
    """Return what outputs, policy and value look like.

    Parameters
    ----------
    agent : Agent
    look : ShortLook
        At play, or at made-up frames.
    """
    height, width, colours = agent.observation_shape
    logits = "action values" if look.action_values else "logits"
    value = "no value (policy only)" if look.value is None else "a value"
    takes = f"{len(agent.action_names)} {logits} and {value} from uint8 frames of {height} x {width} x {colours}"
    takes += f", {agent.stack} at once" if agent.stack > 1 else ""
    takes += ", with a recurrent state" if agent.network.recurrent else ""
    findings = [Finding("outputs", takes, "ok")]
    outputs = [look.policy_logits, *([] if look.value is None else [look.value])]
    number = len(look.policy_logits)
    if not all(np.isfinite(output).all() for output in outputs):
        return [*findings, Finding("finite", f"some outputs for {number} frames are NaN or infinite", "wrong")]
    findings.append(Finding("finite", f"all outputs for {number} frames", "ok"))
    findings += [_sight(look)] if look.action_values else [_sight(look), _policy(look)]
    return findings if look.value is None else [*findings, _value(look.value, agent.value_scale)]


def _sight(look: ShortLook) -> Finding:
    """Say how much the policy depends on the frame."""
    largest = logit_range(look.policy_logits)
    if largest == 0:
        return Finding("sight", "the logits are the same for every frame", "wrong")
    found = f"logits differ by up to {largest:.3g} between frames, which moves {percent(look.moved)} of the probability"
    return Finding("sight", found, "look" if look.deaf else "ok")


def _policy(look: ShortLook) -> Finding:
    policy = look.policy
    entropy = float(-(policy * np.log(np.maximum(policy, np.finfo(np.float32).tiny))).sum(axis=1).mean())
    most = float(np.log(policy.shape[1])) or 1.0
    found = f"entropy {entropy:.2f} of {most:.2f} at most"
    if entropy > UNSURE * most:
        return Finding("policy", f"{found}: nearly uniform, as if untrained", "look")
    if entropy < SURE * most:
        return Finding("policy", f"{found}: always sure; are the observations scaled as in training?", "look")
    return Finding("policy", found, "ok")


def _value(value: npt.NDArray[np.float32], scale: float | None) -> Finding:
    low, high = float(value.min()), float(value.max())
    if scale is None:
        return Finding("value", f"{low:.2f} to {high:.2f}; value_scale is not known, so no percentages are shown", "ok")
    found = f"{low:.2f} to {high:.2f}; one success is {scale:g}"
    if high > 2 * scale or high < 0.02 * scale:
        return Finding("value", f"{found}: is the value in raw task reward?", "look")
    return Finding("value", found, "ok")


def button_finding(agent: Agent, buttons: Sequence[str]) -> Finding:
    """Return whether the agent's actions are called as the world's buttons that they press, one after another."""
    numbered = any(
        all(re.fullmatch(r"(action )?\d+", name) for name in names) for names in (agent.action_names, buttons)
    )
    pairs = [] if numbered else list(zip(agent.action_names, buttons, strict=False))
    wrong = [f"{name} presses {button}" for name, button in pairs if name != button]
    if wrong:
        return Finding(
            "buttons", f"{', '.join(wrong[:3])}{', …' if wrong[3:] else ''}: is it another world's agent?", "look"
        )
    some = "all" if len(agent.action_names) == len(buttons) else f"the first {len(agent.action_names)} of"
    return Finding("buttons", f"{some} {len(buttons)}{', by number' if numbered else ', by name'}", "ok")


def action_findings(agent: Agent, look: ShortLook, without_effect: tuple[int, ...] | None) -> list[Finding]:
    """Return how much of the probability goes to actions that do nothing."""
    if without_effect is None:
        return [Finding("no effect", "not looked for: that takes emulator states, and an action named NOOP", "open")]
    own = [action for action in without_effect if action < len(agent.action_names)]
    if not own:
        return [Finding("no effect", "none of its actions does nothing", "ok")]
    share = float(look.policy[:, own].sum(axis=1).mean())
    names = ", ".join(agent.action_names[action] for action in own)
    if len(own) == 1:
        return [Finding("no effect", f"{names} alone: {percent(share)} of the probability", "ok")]
    found = f"{names}: {percent(share)} of the probability together; they do the same in {len(look.states)} states"
    return [Finding("no effect", found, "ok")]


def layer_table(agent: Agent, observations: npt.NDArray[np.uint8]) -> pd.DataFrame:
    """Return for each layer its size, and whether the outputs follow from it and reach back to it.

    Parameters
    ----------
    agent : Agent
    observations : uint8 array, (frame, height, width, rgb)
        The first few are used.

    Returns
    -------
    DataFrame, by layer
        See `AgentCheck`.
    """
    some = np.concatenate([observations[:LAYER_FRAMES], probe_frames(observations.shape[1:])])
    expected, rows = agent.outputs(agent.inputs(some)).logits.detach(), []
    for layer in agent.layers:
        activations = agent.activations(layer, some).requires_grad_()
        logits = agent.head(layer, some)(activations).logits
        error = (logits.detach() - expected).abs().max() / expected.abs().max().clamp_min(1e-30)
        rows.append((layer, *activations.shape[1:], float(error), _reached(logits, activations)))
    columns = ["layer", "channel", "y", "x", "law_error", "gradient"]
    return pd.DataFrame(rows, columns=columns).set_index("layer")


def _reached(logits: torch.Tensor, activations: torch.Tensor) -> bool:
    """Whether the logits have a finite gradient in the activations that is not zero everywhere."""
    if not logits.requires_grad:
        return False
    (slope,) = torch.autograd.grad(logits.square().sum(), activations, allow_unused=True)
    return slope is not None and bool(slope.isfinite().all() and (slope != 0).any())


def layer_finding(agent: Agent, table: pd.DataFrame) -> Finding:
    """Return in words what the table says."""
    if table.empty:
        return Finding("layers", "none that gives (batch, channel, y, x): only the pixels can be looked at", "look")
    allowed = ROUNDING * torch.finfo(agent.network.like.dtype).eps
    broken = table.index[~(table["law_error"] <= allowed)].tolist()
    cut_off = table.index[~table["gradient"]].tolist()
    if broken:
        return Finding("layers", f"the outputs computed again from {_listed(broken)} are others", "wrong")
    if cut_off:
        return Finding("layers", f"no gradient reaches {_listed(cut_off)}: attribution there would be zero", "wrong")
    error = float(table["law_error"].max())
    found = f"{len(table)} reached ({_listed(table.index)}), the outputs follow from each (error {error:.1g})"
    return Finding("layers", found, "ok")


def _listed(names: Any) -> str:
    """Return names in a line, the middle ones of many left out."""
    names = [str(name) for name in names]
    return ", ".join(names if len(names) <= 8 else [*names[:5], "…", *names[-2:]])
