"""The file of an evaluation: whatever stops one, going on gives what an uninterrupted one gives, and loses no level."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.analysis.outcomes_file import OutcomesFile

LEVELS = list(range(200, 230))
SCRIPT = """
import sys, time
import numpy as np
from toy import ToyEnvironment
from rlvision_widgets.analysis.evaluation import evaluate

def slow(observations):
    time.sleep(0.005)
    return np.zeros((len(observations), 3), np.float32), None

with ToyEnvironment(4) as environment:
    evaluate(slow, list(range(400)), environment=environment, path=sys.argv[1], progress=False)
"""


def slow(observations):
    """Act at random, as the script's does."""
    return np.zeros((len(observations), 3), np.float32), None


class Player:
    """An agent that acts at random, counts its steps, and is interrupted at one of them."""

    __name__ = "slow"

    def __init__(self, interrupted=None):
        self.steps, self.interrupted = 0, interrupted

    def __call__(self, observations):
        self.steps += 1
        if self.steps == self.interrupted:
            raise KeyboardInterrupt
        return slow(observations)


def play(path=None, agent=slow, levels=LEVELS, clock=12, **options):
    with ToyEnvironment(4, clock=clock) as environment:
        return evaluate(agent, levels, environment=environment, path=path, progress=False, **options)


def outcomes(path):
    """Return the finished levels in a file, as condition and level."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["condition"], line["level"]) for line in lines if "level" in line]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished file."""
    path = tmp_path_factory.mktemp("outcomes") / "whole.jsonl"
    play(path)
    return path


def test_a_file_changes_no_outcome_and_holds_each_level_once(whole):
    xr.testing.assert_identical(play(whole), play())
    assert sorted(outcomes(whole)) == [("original", level) for level in LEVELS]


@pytest.mark.parametrize("step", [1, 2, 9, 20, 40])
def test_an_interrupted_evaluation_goes_on_where_it_stopped(tmp_path, step):
    path = tmp_path / "some" / "folder" / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        play(path, Player(step))
    kept = outcomes(path)
    xr.testing.assert_identical(play(path), play())
    assert outcomes(path)[: len(kept)] == kept
    assert sorted(outcomes(path)) == [("original", level) for level in LEVELS]


def test_a_finished_evaluation_plays_nothing_again(whole):
    again = Player()
    play(whole, again)
    assert again.steps == 0


@pytest.mark.parametrize("share", [0.0, 0.004, 0.02, 0.1, 0.17, 0.18, 0.19, 0.5, 0.9, 0.999])
def test_a_file_that_was_torn_anywhere_is_mended(whole, tmp_path, share):
    path, content = tmp_path / "torn.jsonl", whole.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    xr.testing.assert_identical(play(path), play())
    assert sorted(outcomes(path)) == [("original", level) for level in LEVELS]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_levels_and_conditions_may_be_added(tmp_path, agent):
    path = tmp_path / "o.jsonl"
    blind = {"blind": [rlv.Ablate("2b", (1.0, *7 * (0.0,)))]}
    play(path, agent, 20)
    first = path.read_bytes()
    play(path, agent, 20, edits=blind)
    more = play(path, agent, 30, edits=blind)
    assert path.read_bytes().startswith(first)
    assert len(outcomes(path)) == len(set(outcomes(path))) == 60
    xr.testing.assert_identical(more, play(None, agent, 30, edits=blind))
    xr.testing.assert_identical(play(path, agent, 20), play(None, agent, 20))


def test_levels_without_causes_are_played_again_when_causes_are_asked_for(tmp_path):
    path, again = tmp_path / "o.jsonl", Player()
    play(path, causes=False)
    assert [json.loads(line)["cause"] for line in path.read_text().splitlines()[2:]] == len(LEVELS) * [None]
    xr.testing.assert_identical(play(path, again), play())
    assert again.steps > 0
    assert len(outcomes(path)) == 2 * len(LEVELS)
    last = Player()
    play(path, last, causes=False)
    assert last.steps == 0, "who asks for no causes takes what is there"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"seed": 1}, "seed: 0 there, 1 now"), ({"clock": 13}, "environment_options"), ({"agent": max}, 'agent: "slow"')],
)
def test_another_question_in_the_same_file_is_refused(whole, options, message):
    before = whole.read_bytes()
    with pytest.raises(ValueError, match=f"answers another question.*{message}"):
        play(whole, **options)
    assert whole.read_bytes() == before


def test_a_name_with_other_edits_is_refused(tmp_path, agent):
    path = tmp_path / "o.jsonl"
    one, other = ({"blind": [rlv.Ablate("2b", (1.0, *7 * (0.0,)), strength)]} for strength in (1.0, 0.5))
    play(path, agent, 5, edits=one)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="'blind' with other edits"):
        play(path, agent, 5, edits={"new": [], **other})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"important", b'{"format": "else"}\n', b"\x89PNG\r\n\x1a\n" * 40, b"\n"])
def test_a_file_of_another_kind_is_left_alone(tmp_path, content):
    path = tmp_path / "thesis.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="left alone"):
        play(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("damaged", [b'{"condition": "orig', b"[1]", b"5", b""])
def test_a_damaged_line_is_named(whole, tmp_path, damaged):
    path, lines = tmp_path / "o.jsonl", whole.read_bytes().splitlines(keepends=True)
    lines[7] = damaged + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(ValueError, match="line 8 of"):
        play(path)
    path.write_bytes(b"".join(lines[:7] + lines[8:]))
    xr.testing.assert_identical(play(path), play())


def test_a_second_process_is_refused_and_the_first_goes_on(tmp_path):
    path = tmp_path / "o.jsonl"
    with OutcomesFile(path, {"seed": 0}) as first:
        first.begin({"original": {}})
        script = "import sys; from rlvision_widgets.analysis import outcomes_file as o; o.OutcomesFile(sys.argv[1], {})"
        second = subprocess.run([sys.executable, "-c", script, str(path)], check=False, capture_output=True, text=True)
        assert "measures into" in second.stderr
        with pytest.raises(BlockingIOError, match="Wait for it"):
            OutcomesFile(path, {"seed": 0})
    with OutcomesFile(path, {"seed": 0}) as later:
        assert later.conditions == {"original": {}}


def test_a_file_is_read_without_agent_or_worlds_also_unfinished(whole, tmp_path, agent):
    result = play(whole)
    xr.testing.assert_identical(rlv.read_outcomes(whole), result.sortby("level_seed"))
    path, blind = tmp_path / "o.jsonl", {"blind": [rlv.Ablate("2b", (1.0, *7 * (0.0,)))], "sham": []}
    play(path, agent, 9, edits=blind)
    play(path, agent, 20)
    with path.open("ab") as file:
        file.write(b'{"condition": "original", "lev')
    read, all_levels = rlv.read_outcomes(path), rlv.read_outcomes(path, ["original"])
    assert dict(read.sizes) == {"condition": 3, "level": 9}
    xr.testing.assert_identical(read, play(None, agent, 9, edits=blind).sortby("level_seed"))
    xr.testing.assert_identical(all_levels, play(None, agent, 20).sortby("level_seed"))


def test_what_cannot_be_read_is_said(whole, tmp_path):
    with pytest.raises(FileNotFoundError):
        rlv.read_outcomes(tmp_path / "absent.jsonl")
    with pytest.raises(ValueError, match="Did you mean 'original'"):
        rlv.read_outcomes(whole, ["orginal"])
    path = tmp_path / "o.jsonl"
    path.write_bytes(b"".join(whole.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(ValueError, match="no level yet"):
        rlv.read_outcomes(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="no outcomes"):
        rlv.read_outcomes(path)


def test_pandas_reads_it_too(whole):
    table = pd.read_json(whole, lines=True).dropna(subset="level")
    result = play(whole).isel(condition=0).to_dataframe().set_index("level_seed")
    np.testing.assert_array_equal(table.set_index("level")["length"][result.index], result["length"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_whatever_kills_the_process_what_was_finished_is_there(tmp_path, how):
    path = tmp_path / "o.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < 40:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    assert process.wait(30) != 0
    kept = path.read_bytes().count(b"\n") - 2
    assert 38 <= kept < 400
    player = Player()
    xr.testing.assert_identical(play(path, player, list(range(400))), play(levels=list(range(400))))
    assert len(outcomes(path)) == len(set(outcomes(path))) == 400
