"""A model card as a page of Markdown: what the JSON card says, for a reader."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlvision_widgets.model_card.legs import legs_table
from rlvision_widgets.model_card.played import best_known

__all__ = ["card_text", "headline"]

LIMITS = (
    "Actions are sampled from the policy; the likeliest action alone plays otherwise.",
    "It was trained in the world described above. What is said here holds for other worlds only where a row says so.",
)
TAUGHT = (
    "It learned from its teacher's policy as well as by PPO, so its features are no independent evidence of what PPO "
    "alone learns."
)
LICENCES = {"MIT": "mit", "Apache-2.0": "apache-2.0"}


def headline(card: Mapping[str, Any]) -> str:
    """Return what the agent is, and how it plays unseen levels, in one or two sentences."""
    method = f"taught by {card['teacher']['name']}" if card.get("teacher") else "PPO alone"
    steps = f", {card['steps']:,} steps" if "steps" in card else ""
    made = f"rlvision train, {method}{steps}" if card.get("legs") else str(card.get("source", "not trained here"))
    return f"{card['name']}: {made}. {_play(card)}"


def _play(card: Mapping[str, Any]) -> str:
    entries = best_known(card["evaluations"], card["checkpoint"])
    played = next((entry for entry in entries if entry.get("what") == "unseen levels"), None)
    if played is None:
        return "Its play was not measured."
    if "success" in played:
        interval = "95 % interval {:.1%} to {:.1%}".format(*played["wilson_interval"])
        return (
            f"It completes {played['success']:.1%} of {played['levels']:,} unseen levels ({interval}), actions sampled."
        )
    return f"It earns {played['mean_return']:.4g} in the mean of {played['levels']:,} episodes, actions sampled."


def card_text(card: Mapping[str, Any], *, features: Sequence[str], pictures: Mapping[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    card : mapping
        The JSON card.
    features : sequence of str
        Lines of a Markdown table of features; none if there is no study.
    pictures : mapping of str to str
        File names of the pictures: "curve", "features", "yardstick"; each may be missing.
    """
    parts = [
        _front_matter(card),
        [f"# {card['name']}", "", card["summary"], *([] if "note" not in card else ["", card["note"]])],
        _use(card),
        ["## How it plays", "", *_evaluations(card)],
        _features(features, pictures),
        _training(card, pictures),
        ["## Limits", "", *(f"- {limit}" for limit in _limits(card))],
        ["## Licence", "", *_licence(card)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _front_matter(card: Mapping[str, Any]) -> list[str]:
    """Return what model hubs read; JSON is YAML, too."""
    world = card["environment"]
    results = [
        {
            "task": {"type": "reinforcement-learning"},
            "dataset": {"type": str(world.get("name")), "name": f"{world.get('name')}, {entry['what']}"},
            "metrics": [{"type": "success", "value": entry["success"]}],
        }
        for entry in best_known(card["evaluations"], card["checkpoint"])
        if "success" in entry and "checkpoint" in entry  # its own play, with a command
    ]
    about = {
        "license": LICENCES.get(str(card.get("licence", "")), "other"),
        "library_name": "rlvision-widgets",
        "pipeline_tag": "reinforcement-learning",
        "tags": ["reinforcement-learning", "interpretability", "procgen", str(world.get("name"))],
        "model-index": [{"name": card["name"], "results": results}],
    }
    return ["---", *(f"{name}: {json.dumps(told)}" for name, told in about.items()), "---"]


def _use(card: Mapping[str, Any]) -> list[str]:
    network = card["network"]
    kind = f"{network['architecture']} network, " if "architecture" in network else ""
    code = ["import rlvision_widgets as rlv", "", f"agent = rlv.load_agent({json.dumps(card['opened_as'])})"]
    return [
        "## Use",
        "",
        *("```python", *code, "rlv.Explorer(rlv.build_study(agent), agent=agent)", "```"),
        "",
        f"A {kind}observations uint8 {' × '.join(map(str, network['observation_shape']))}, "
        f"{len(card['action_names'])} actions ({', '.join(card['action_names'])}).",
    ]


def _evaluations(card: Mapping[str, Any]) -> list[str]:
    entries = best_known(card["evaluations"], card["checkpoint"])
    entries = [entry for entry in entries if "command" in entry]
    if not entries:
        return ["Not measured."]
    lines = [
        "| | levels | completed (95 % interval) | mean return (95 % interval) | mean length | most failures from |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for entry in entries:
        completed = "–"
        if "success" in entry:
            completed = "{:.1%} ({:.1%} – {:.1%})".format(entry["success"], *entry["wilson_interval"])
        earned = "{:.4g} ({:.4g} – {:.4g})".format(entry["mean_return"], *entry["return_interval"])
        row = (entry["what"], f"{entry['levels']:,}", completed, earned, f"{entry['mean_length']:.0f}", _causes(entry))
        lines.append(f"| {' | '.join(row)} |")
    told = "Each level is played once, actions are sampled, all is drawn by the seed. The same figures again:"
    commands = list(dict.fromkeys(entry["command"] for entry in entries))
    return [*lines, "", told, "", "```sh", *commands, "```"]


def _causes(entry: Mapping[str, Any]) -> str:
    failures = sorted(entry.get("failures", {}).items(), key=lambda each: -each[1])
    return ", ".join(f"{cause} {count / entry['levels']:.1%}" for cause, count in failures[:3]) or "–"


def _features(features: Sequence[str], pictures: Mapping[str, str]) -> list[str]:
    if "features" not in pictures:
        return []
    told = (
        "Non-negative factors of the value's attribution. Of each, left: the 16 observations that activate it most, "
        "laid out as they lie on screen; right: for each place on screen the patch that activates it most there. "
        "Fainter is weaker."
    )
    measured = (
        "Measured on the emulator's objects: the area under the ROC curve with which a feature's activation tells the "
        "cells that show a class from the others, place by place, and how much stronger it is there than elsewhere "
        "(`rlv.object_selectivity`)."
    )
    lines = ["## What its features detect", "", told, "", f"![features]({pictures['features']})"]
    lines += ["", measured, "", *features] if features else []
    if "yardstick" in pictures:
        of = pictures["yardstick"].split(".")[0]
        lines += [
            "",
            f"As a yardstick, the same picture of `{of}`, in the world that it was trained in:",
            "",
            f"![features of {of}]({pictures['yardstick']})",
        ]
    return lines


def _training(card: Mapping[str, Any], pictures: Mapping[str, str]) -> list[str]:
    if not card.get("legs"):
        return []
    lines = ["## Training", "", card["data"]]
    if card.get("world"):
        lines += ["", f"Every level was edited when it opened: {'; '.join(card['world'])}."]
    if "weights" in card:
        lines += ["", f"The weights are a {card['weights']}."]
    if "curve" in pictures:
        lines += ["", f"![learning curve]({pictures['curve']})"]
    return [*lines, "", *legs_table(card["legs"])]


def _limits(card: Mapping[str, Any]) -> list[str]:
    return [*([TAUGHT] if card.get("teacher") and "note" not in card else []), *LIMITS, *card.get("limits", [])]


def _licence(card: Mapping[str, Any]) -> list[str]:
    lines = [f"{card.get('licence', 'Not stated')}."]
    if card.get("teacher"):
        about = card["teacher"]
        told = ", ".join(f"{name} {about[name]}" for name in ("source", "licence", "sha256") if name in about)
        lines += ["", f"Teacher: {about['name']} ({told})."]
    return lines
