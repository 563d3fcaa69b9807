"""Hunting redundant ways of seeing, on a small agent; and the search for repairs, on planted outcomes."""

import json

import numpy as np
import pytest
import torch
import xarray as xr
from toy import open_world, toy_study

import rlvision_widgets as rlv
from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.edits import Ablate, network_edits_from
from rlvision_widgets.agents.networks import ClearNetwork
from rlvision_widgets.analysis import redundancy, repair
from rlvision_widgets.analysis.erasing import _cells, fit_erasure
from rlvision_widgets.analysis.journal import Journal
from rlvision_widgets.analysis.pairs import Judge, Pairs, still_seen_by_channel

SAW = (150, 150, 160)


@pytest.fixture(scope="module")
def agent():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = ClearNetwork(3, (4, 8, 8, 8, 8), (16, 16))
    with torch.no_grad():
        network.policy.weight.mul_(3000)
    return Agent(network, name="small", action_names=("a", "b", "c"), value_scale=10.0)


@pytest.fixture(scope="module")
def study(agent):
    tree = open_world(toy_study())
    tree.attrs["checkpoint"] = agent.checkpoint
    return tree


@pytest.fixture(scope="module")
def pairs(study):
    """Frames with the saw, the saw painted over, and frames in which it was not to be seen anyway."""
    shown = study["observation"].values.reshape(-1, 64, 64, 3)[:48]
    hidden = shown.copy()
    for frame in hidden:
        frame[(frame == SAW).all(-1)] = frame[0, 0]
    number = np.arange(48)
    return Pairs("saw", shown, hidden, hidden[::-1].copy(), number, number)


def test_the_original_sees_what_it_sees_and_harms_nothing(agent, pairs):
    judge = Judge(agent, pairs)
    assert judge.seen > 0
    assert judge.of(agent) == (judge.seen, 0.0)
    blind = Judge(agent, Pairs("saw", pairs.hidden, pairs.hidden, pairs.others, *2 * (np.arange(48),)))
    assert blind.seen == 0


def test_channels_sum_to_what_is_seen(agent, pairs):
    few = Pairs("saw", pairs.shown[:8], pairs.hidden[:8], pairs.others[:8], *2 * (np.arange(8),))
    shares = still_seen_by_channel(agent, few, "3a")
    assert shares.sum() == pytest.approx(Judge(agent, few).seen, rel=0.25)
    assert not still_seen_by_channel(agent, Pairs("saw", *3 * (few.hidden,), *2 * (np.arange(8),)), "3a").any()


def test_erasing_minimises_what_it_says_it_does(agent, pairs):
    shown, hidden, others = (_cells(agent, "2b", frames) for frames in (pairs.shown, pairs.hidden, pairs.others))
    changed = np.abs(shown - hidden).max(1) > 1e-4 * shown.max()
    kept = np.concatenate([hidden, others])
    rng = np.random.default_rng(0)

    def cost(matrix, bias, keep):
        erased = np.square(shown[changed] @ matrix.T + bias - hidden[changed]).sum(1).mean()
        return erased + keep * np.square(kept @ matrix.T + bias - kept).sum(1).mean()

    for keep in (0.1, 10.0):
        found = fit_erasure(agent, agent, pairs, "2b", keep=keep)
        matrix, bias = np.array(found.matrix), np.array(found.bias)
        least = cost(matrix, bias, keep)
        assert least < cost(np.eye(8), 0.0, keep)
        for _ in range(5):
            step = 1e-2 * rng.normal(size=(8, 8))
            assert least <= cost(matrix + step, bias, keep) * (1 + 1e-9)


def test_an_object_that_changes_nothing_cannot_be_erased(agent, pairs):
    with pytest.raises(ValueError, match="changes nothing in layer '2b'"):
        fit_erasure(agent, agent, Pairs("saw", *3 * (pairs.hidden,), *2 * (np.arange(48),)), "2b", keep=1.0)
    with pytest.raises(ValueError, match="keep has to be above 0"):
        fit_erasure(agent, agent, pairs, "2b", keep=0.0)


def outcomes(names, levels, failing):
    """Return an evaluation in which `failing` says how many levels each condition fails by the saw."""
    success = np.array([np.arange(levels) >= failing(name) for name in names])
    return xr.Dataset(
        {
            "success": (("condition", "level"), success),
            "cause": (("condition", "level"), np.where(success, "coin", "saw").astype(object)),
            "length": (("condition", "level"), np.ones(success.shape, np.int32)),
            "return": (("condition", "level"), 10.0 * success.astype(np.float32)),
        },
        coords={"condition": names, "level_seed": ("level", np.arange(levels))},
    )


@pytest.fixture
def hunted(monkeypatch, pairs):
    """Return what hunts with made-up levels: each round adds 10 % of blindness; and the conditions that were played."""
    played = []

    def evaluate(agent, seeds, edits=None, world=None, **options):
        names = ["original", *(edits or {}), *world]
        played.append(list(edits or {}))
        fails = {"original": 0, "saw hidden": 50} | {name: 5 * int(name.split()[1]) for name in edits or {}}
        return outcomes(names, len(seeds), fails.get)

    monkeypatch.setattr(redundancy, "object_pairs", lambda *arguments, **options: pairs)
    monkeypatch.setattr(redundancy, "evaluate", evaluate)

    def hunt(agent, study, **options):
        small = {
            "layers": ["2b", "3a"],
            "kinds": ("channel", "object"),
            "levels": 100,
            "rounds": 3,
            "weight": 0.0,
            "progress": False,
        }
        return redundancy.hunt_redundancy(agent, study, "saw", **{**small, **options})

    return hunt, played


def test_a_hunt_ends_and_says_why(agent, study, hunted):
    hunt, _ = hunted
    found = hunt(agent, study)
    assert found.attrs["stopped"].startswith(("all 3 rounds", "no edit"))
    assert (np.diff(found["seen"]) < 0).all()
    assert found["blindness"].values == pytest.approx(0.1 * np.arange(found.sizes["round"]))
    assert len(network_edits_from(found.attrs["edits"])) == found.attrs["best_round"] == found.sizes["round"] - 1
    assert hunt(agent, study, goal=0.1).attrs["stopped"] == "blindness has reached 10%"
    assert set(found["proposals"]["kind"].values) == {"channel", "object"}


def test_an_interrupted_hunt_goes_on_and_finds_the_same(agent, study, hunted, tmp_path, monkeypatch):
    hunt, _ = hunted
    whole = hunt(agent, study)
    rounds = redundancy._round

    def interrupted(setting, judge, entries, **options):
        if len(entries) == 1:
            raise KeyboardInterrupt
        return rounds(setting, judge, entries, **options)

    monkeypatch.setattr(redundancy, "_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hunt(agent, study, path=tmp_path)
    monkeypatch.setattr(redundancy, "_round", rounds)
    assert hunt(agent, study, path=tmp_path).identical(whole)
    monkeypatch.setattr(redundancy, "_round", None)  # all that was found is on disk
    assert hunt(agent, study, path=tmp_path).identical(whole)
    with pytest.raises(ValueError, match=r"other settings \(weight\)"):
        hunt(agent, study, path=tmp_path, weight=5.0)


def test_a_hunt_does_not_go_on_with_the_rounds_of_another_study(agent, study, hunted, tmp_path, monkeypatch):
    hunt, _ = hunted
    pairs = redundancy.object_pairs(study, "saw")
    hunt(agent, study, path=tmp_path, rounds=1)
    other = Pairs("saw", pairs.shown[::-1], pairs.hidden[::-1], pairs.others, *2 * (np.arange(48),))
    monkeypatch.setattr(redundancy, "object_pairs", lambda *arguments, **options: other)
    with pytest.raises(ValueError, match=r"other settings \(study\)"):
        hunt(agent, study, path=tmp_path, rounds=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("chanel",)}, "Did you mean 'channel'"),
        ({"layers": ["2c"]}, "unknown layer '2c'"),
        ({"rounds": 0}, "rounds must be from 1"),
        ({"num_pairs": 1}, "num_pairs must be from 2"),
    ],
)
def test_a_hunt_that_cannot_be_is_refused(agent, study, hunted, options, message):
    with pytest.raises(ValueError, match=message):
        hunted[0](agent, study, **options)


def test_a_journal_drops_a_torn_line_and_goes_on(tmp_path):
    path = tmp_path / "deep" / "journal.jsonl"
    Journal(path, {"a": 1}).add({"b": [1.5]})
    with path.open("a") as file:
        file.write('{"torn')
    again = Journal(path, {"a": 1})
    assert again.entries == [{"b": [1.5]}]
    again.add(2)
    assert Journal(path, {"a": 1}).entries == [{"b": [1.5]}, 2]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"a": 1}, {"b": [1.5]}, 2]


def planted_play(rates, log=None):
    """Return who plays: by candidate, the share of levels completed, the same draw of luck for all."""
    luck = np.random.default_rng(0).random(5000)

    def play(names, count):
        if log is not None:
            log.append((list(names), count))
        return {name: luck[:count] < rates[name] for name in ("original", *names)}

    return play


def test_halving_finds_the_best_and_plays_fewer_ever_longer():
    rates = {"original": 0.8, **{f"edit {number}": 0.7 + 0.01 * number for number in range(20)}}
    log = []
    found = repair.successive_halving(
        [name for name in rates if name != "original"], planted_play(rates, log), 64, 1000
    )
    assert found.attrs["best"] == "edit 19"
    assert [len(names) for names, _ in log] == [20, 7, 3, 1]
    assert found["levels"].values.tolist() == [64, 192, 576, 1000]
    assert ((found["saved"] >= 0).sum("candidate") == [20, 7, 3, 1]).all()


def test_of_equal_candidates_the_first_is_kept():
    rates = {"original": 0.5, "one": 0.5, "two": 0.5}
    found = repair.successive_halving(["one", "two"], planted_play(rates), 10, 10)
    assert found.attrs["best"] == "one"


@pytest.mark.parametrize(("rate", "repaired"), [(0.9, True), (0.8, False)])
def test_a_repair_is_shown_on_other_levels_or_not_at_all(agent, study, monkeypatch, rate, repaired):
    seeds = []

    def evaluate(_, levels, seed, edits=None, **options):
        seeds.append(np.asarray(levels))
        play = planted_play({"original": 0.8, "better": rate, "worse": 0.5})
        played = play(list(edits), len(levels))
        names = ["original", *edits]
        return xr.Dataset(
            {"success": (("condition", "level"), np.array([played[name] for name in names]))},
            coords={"condition": names},
        )

    monkeypatch.setattr(repair, "evaluate", evaluate)
    edits = {name: [Ablate("2b", np.eye(8)[place])] for place, name in enumerate(("worse", "better"))}
    found = rlv.search_repair(agent, study, candidates=edits, levels=200, held_out=1000)
    assert found.attrs["best"] == "better"
    assert found.attrs["repaired"] is repaired
    assert ("No repair is shown" in found.attrs["finding"]) is not repaired
    assert not np.intersect1d(np.concatenate(seeds[:-1]), seeds[-1]).size
    assert not np.intersect1d(seeds[-1], study["level_seed"].values).size
    low, high = found.attrs["interval"]
    assert low <= found.attrs["difference"] <= high


def test_candidates_weaken_amplify_and_steer_each_feature(agent, study):
    found = repair.repair_candidates(agent, study, None, (-1.0, 0.5))
    fires = found.keys()
    assert len(fires) % 4 == 0
    assert {name.split()[0] for name in fires} == {"ablate", "steer"}
    with pytest.raises(ValueError, match="unknown layer '3b'"):
        repair.repair_candidates(agent, study, ["3b"], (1.0,))
    with pytest.raises(ValueError, match="no edit to try"):
        rlv.search_repair(agent, study, candidates={})
