import json

import numpy as np
import pytest

import rlvision_widgets as rlv
from rlvision_widgets.environments.edits import KINDS, describe

EXAMPLES = [
    (rlv.Remove("saw"), "every saw removed"),
    (rlv.Remove("saw", at=(12.5, 3.5)), "saw at (12.5, 3.5) removed"),
    (rlv.Move("coin", (20.5, 4.5), to=(8.5, 4.5)), "coin at (20.5, 4.5) moved to (8.5, 4.5)"),
    (rlv.Hide("enemy"), "every enemy hidden, and as deadly as before"),
    (rlv.Ghost("saw", (1, 2)), "saw at (1, 2) visible, and harmless"),
    (rlv.Add("enemy", (3.5, 1.5), theme=2, velocity=(-0.15, 0)), None),
    (rlv.Decoy("coin", (3.5, 1.5)), "decoy of a coin put at (3.5, 1.5)"),
    (rlv.Decoy("enemy", (3.5, 1.5), theme=1), "decoy of an enemy with theme 1 put at (3.5, 1.5)"),
    (rlv.Theme("agent", 3), "agent shown with theme 3"),
    (rlv.Background(), "background none"),
    (rlv.Background(7), "background 7"),
    (rlv.VelocityBox(True), "velocity shown"),
    (rlv.VelocityBox(False), "velocity not shown"),
    (rlv.Teleport((5, 5.5)), "agent put at (5, 5.5)"),
    (rlv.Carve((3, 4)), "wall at (3, 4) opened"),
    (rlv.Fill((3, 4)), "wall at (3, 4) put"),
    (rlv.Place("coin"), "coin at a random place"),
    (rlv.Place("cheese", "top right", size=3, seed=8), "cheese at a random place of the 3 x 3 cells at the top right"),
]
EDITS = [edit for edit, _ in EXAMPLES]


def test_every_kind_has_an_example():
    assert {type(edit) for edit in EDITS} == set(KINDS.values())
    assert {kind.__name__ for kind in KINDS.values()} <= set(rlv.__all__)


def test_edits_come_back_from_json_equal_and_with_the_same_hash():
    text = rlv.edits_to_json(EDITS)
    again = rlv.edits_from(text)
    assert again == tuple(EDITS)
    assert [hash(edit) for edit in again] == [hash(edit) for edit in EDITS]
    assert rlv.edits_to_json(again) == text
    assert rlv.edits_from(json.loads(text)) == again
    assert rlv.edits_from(again) == again
    assert len(set(EDITS + list(again))) == len(EDITS)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.kind)
def test_one_edit_a_dict_and_a_text_are_read_alike(edit):
    assert (
        rlv.edits_from(edit) == rlv.edits_from(edit.to_dict()) == rlv.edits_from(json.dumps(edit.to_dict())) == (edit,)
    )
    assert json.loads(rlv.edits_to_json(edit)) == [edit.to_dict()]


def test_a_dict_holds_the_kind_and_what_differs_from_the_defaults():
    assert rlv.Remove("saw").to_dict() == {"kind": "remove", "what": "saw"}
    assert rlv.VelocityBox(False).to_dict() == {"kind": "velocity_box", "shown": False}
    assert rlv.Move("coin", (1, 2), (3, 4)).to_dict() == {
        "kind": "move",
        "what": "coin",
        "at": [1.0, 2.0],
        "to": [3.0, 4.0],
    }


def test_numbers_of_any_kind_make_equal_edits():
    plain = rlv.Add("saw", (12.0, 3.5), theme=1)
    assert rlv.Add("saw", [12, 3.5], theme=np.int64(1)) == plain
    assert rlv.Add("saw", np.array([12, 3.5], np.float32), theme=1) == plain
    assert rlv.edits_to_json(rlv.Teleport((-0.0, 1))) == rlv.edits_to_json(rlv.Teleport((0, 1)))


@pytest.mark.parametrize(("edit", "words"), EXAMPLES)
def test_edits_are_told_in_words(edit, words):
    assert describe(edit) == (words or "enemy with theme 2 added at (3.5, 1.5), moving by (-0.15, 0) a step")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rlv.Remove(""), TypeError, "remove: what must be a name"),
        (lambda: rlv.Remove(None), TypeError, "remove: what must be a name"),
        (lambda: rlv.Remove("saw", at=3), TypeError, r"remove: at must be a pair \(x, y\), and 3 came"),
        (lambda: rlv.Remove("saw", at=(1, 2, 3)), TypeError, "pair"),
        (lambda: rlv.Remove("saw", at=(1, float("nan"))), ValueError, "finite numbers"),
        (lambda: rlv.Remove("saw", at=(1, float("inf"))), ValueError, "finite numbers"),
        (lambda: rlv.Remove("saw", at=(1, "2")), ValueError, "finite numbers"),
        (lambda: rlv.Remove("saw", at=(1, True)), ValueError, "finite numbers"),
        (lambda: rlv.Teleport((1e7, 0)), ValueError, "below a million"),
        (lambda: rlv.Move("saw", (1, 2), None), TypeError, "move: to must be a pair"),
        (lambda: rlv.Theme("agent", -1), ValueError, "theme: theme must be at least 0, and is -1"),
        (lambda: rlv.Theme("agent", 1.5), TypeError, "an integer, and 1.5 came"),
        (lambda: rlv.Background(2**31), ValueError, "is 2147483648"),
        (lambda: rlv.VelocityBox(1), TypeError, "velocity_box: shown must be True or False, and 1 came"),
        (lambda: rlv.Carve((1.5, 2)), TypeError, "carve: cell must be an integer"),
        (lambda: rlv.Place("saw"), ValueError, "unknown goal 'saw'. .*Known: 'coin', 'cheese'"),
        (lambda: rlv.Place("coin", "top right"), ValueError, "unknown place for the coin 'top right'. Known: 'random'"),
        (lambda: rlv.Place("cheese", "top rigth"), ValueError, "Did you mean 'top right'"),
        (lambda: rlv.Place("cheese", size=0), ValueError, "place: size must be at least 1"),
        (lambda: rlv.edits_from('[{"kind": "remov", "what": "saw"}]'), ValueError, "Did you mean 'remove'"),
        (lambda: rlv.edits_from('[{"what": "saw"}]'), ValueError, "unknown kind of edit None"),
        (lambda: rlv.edits_from({"kind": "remove", "wat": "saw"}), ValueError, "Did you mean 'what'"),
        (lambda: rlv.edits_from({"kind": "move", "what": "saw"}), ValueError, "a move edit needs at and to"),
        (lambda: rlv.edits_from("[{"), ValueError, "edits must be JSON"),
        (lambda: rlv.edits_from("[" * 100_000), ValueError, "edits must be JSON"),
        (lambda: rlv.edits_from("3"), TypeError, "a list of edits"),
        (lambda: rlv.edits_from('"saw"'), TypeError, "a list of edits"),
        (lambda: rlv.edits_from([3]), TypeError, "an edit must be one such as"),
        (lambda: rlv.edits_from('[{"kind": "teleport", "to": [NaN, 1]}]'), ValueError, "finite numbers"),
        (lambda: rlv.edits_from(None), TypeError, "a list of edits"),
    ],
)
def test_what_is_no_edit_is_refused_when_it_is_made(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_edits_are_values():
    edit = rlv.Remove("saw")
    with pytest.raises(AttributeError):
        edit.what = "coin"
    assert edit != rlv.Hide("saw")
    assert rlv.Remove("saw", at=(1, 2)) != rlv.Remove("saw", at=(1, 3))
