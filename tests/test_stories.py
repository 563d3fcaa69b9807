import copy

import numpy as np
import pytest
import toy
import xarray as xr

import rlvision_widgets as rlv
from rlvision_widgets import schema, stories
from rlvision_widgets.notes import Note
from rlvision_widgets.storage import open_study, save_study

TEXTS = [
    "the **coin**, [feature 1]",
    "",
    "two\n\nparagraphs, trailing blanks  \n",
    "nul \x00 within, bell \x07, direction \u202e, joined 👩‍🚀, astral 🪚",
    '<img src=x onerror="alert(1)"></script><!-- --> \\ %2F',
]
NAMES = ["Obscured saw", "a/b\\c", "..", ".hidden", "100 %", "CON", "🪚 säge", "ends in a dot.", "_private"]


@pytest.fixture
def study():
    return toy.toy_study(num_trajectories=2, num_steps=70)


def request(view, method, **params):
    """Send a request as the browser does, and return the reply."""
    sent = []
    view.send = lambda content, buffers=None: sent.append(content)
    view._receive({"kind": "rlv-request", "id": "1", "method": method, "params": params})
    view.join()
    return sent[-1]


def fields(**changes):
    """Return a note as the browser writes one."""
    note = {"trajectory": 0, "start": 3, "stop": 5, "text": "new", "layer": "2b", "output": "value", "feature": -1}
    return {**note, "mode": "", "combine": -1, **changes}


class TestNotes:
    def test_steps_are_a_slice_or_one_step(self):
        assert Note("", slice(3, 5)).steps == slice(3, 5)
        assert Note("", np.int64(3)).steps == slice(3, 4)
        assert (Note("", 3).start, Note("", 3).stop) == (3, 4)

    @pytest.mark.parametrize(
        "steps", [slice(3, 3), slice(5, 3), slice(None, 3), slice(3, None), slice(-3, 3), slice(0, 9, 2), -1, True, "3"]
    )
    def test_other_steps_are_refused(self, steps):
        with pytest.raises(ValueError, match=r"slice\(start, stop\)"):
            Note("", steps)

    def test_an_output_for_each_step_or_one_for_all(self):
        assert Note("", slice(0, 3), output=["value"] * 3).output == "value"
        assert Note("", slice(0, 2), output=["value", "RIGHT"]).output == ("value", "RIGHT")
        with pytest.raises(ValueError, match="each of its 3 steps; got 2"):
            Note("", slice(0, 3), output=["value", "RIGHT"])

    def test_mistakes_are_named(self):
        with pytest.raises(TypeError, match="Did you mean 'steps'"):
            Note("", stepps=3)
        with pytest.raises(ValueError, match="Did you mean 'change'"):
            Note("", 3, mode="chnage")
        with pytest.raises(TypeError, match="text is a str, got int"):
            Note(3, 3)
        with pytest.raises(ValueError, match="surrogate"):
            Note("\ud800", 3)

    def test_a_note_is_a_value(self):
        assert copy.copy(Note("a", 3, feature=1)) == Note("a", slice(3, 4), feature=1)


class TestStories:
    @pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip"])
    def test_any_text_and_name_survive_storage(self, study, tmp_path, suffix):
        notes = [Note(text, slice(index, index + 3)) for index, text in enumerate(TEXTS)]
        for name in NAMES:
            stories.write_story(study, name, notes)
        stories.write_story(study, "empty", [])
        save_study(study, tmp_path / f"study{suffix}")
        opened = open_study(tmp_path / f"study{suffix}")
        assert stories.story_names(opened) == sorted([*NAMES, "empty"])
        for name in NAMES:
            assert stories.read_story(opened, name) == stories.read_story(study, name)
            assert [note.text for note in stories.read_story(opened, name)] == TEXTS
            stories.check_story(opened, name)
        assert stories.read_story(opened, "empty") == []
        schema.check(opened)

    def test_what_a_note_leaves_open_is_settled_when_it_is_written(self, study):
        stories.write_story(study, "a", [Note("x", 3, feature="saw"), Note("y", 4, trajectory=0)], trajectory=1)
        first, second = stories.read_story(study, "a")
        assert first == Note("x", 3, trajectory=1, layer="2b", output="value", feature=1)
        assert second == Note("y", 4, trajectory=0, layer="2b", output="value")
        assert stories.read_story(study, "a") == stories.read_story(study, "a")

    def test_everything_of_a_note_is_kept(self, study):
        notes = [
            Note("a", slice(3, 5), 1, "2b", ("RIGHT", "centred:likeliest"), 4, "change", True),
            Note("b", slice(5, 6), 0, "2b", "difference:taken,LEFT", None, "attribution", False),
        ]
        stories.write_story(study, "a", notes)
        assert stories.read_story(study, "a") == notes

    def test_a_story_is_replaced_not_added_to(self, study):
        stories.write_story(study, "a", [Note("old", 3), Note("old too", 4)])
        stories.write_story(study, "a", [Note("new", 3)])
        assert [note.text for note in stories.read_story(study, "a")] == ["new"]
        stories.remove_story(study, "a")
        assert stories.story_names(study) == []
        with pytest.raises(ValueError, match="unknown story 'a'"):
            stories.read_story(study, "a")

    def test_all_mistakes_are_listed_at_once_and_nothing_is_written(self, study):
        wrong = [
            Note("[feature 9] and [feature 0 of 3a]", slice(60, 90), output="RIHGT", feature="cion"),
            Note("", 3, trajectory=7),
            Note("", 3, layer="3a", feature=2),
            Note("", 3, feature=5),
        ]
        with pytest.raises(ValueError, match="does not fit the study") as caught:
            stories.write_story(study, "a", wrong)
        for part in (
            "note 0: steps 60 to 89; the last step is 69",
            "note 0: unknown output 'RIHGT'. Did you mean 'RIGHT'?",
            "note 0: unknown feature 'cion'. Did you mean 'coin'?",
            "note 0: the text refers to feature 9 of layer '2b', which has 4",
            "note 0: the text refers to feature 0 of layer '3a', which has 0",
            "note 1: trajectory 7; there are 2",
            "note 2: unknown layer '3a'",
            "note 3: feature 5; layer '2b' has 4, from 0; 4 is the residual",
        ):
            assert part in str(caught.value)
        assert stories.story_names(study) == []

    @pytest.mark.parametrize("name", ["", "  ", "two\nlines", 3, "x" * 201])
    def test_a_name_is_a_line_of_text(self, study, name):
        with pytest.raises(ValueError, match="a story's name"):
            stories.write_story(study, name, [])

    def test_check_finds_what_was_changed_by_other_hands(self, study):
        stories.write_story(study, "a", [Note("", 3), Note("", 4)])
        node = study["stories/a"]
        node["stop"].values[1] = 900
        with pytest.raises(schema.SchemaError, match="note 1: steps 4 to 899"):
            stories.check_story(study, "a")
        study["stories/a"] = xr.DataTree(node.to_dataset().drop_vars("text"))
        with pytest.raises(schema.SchemaError, match="text: missing"):
            schema.check(study)
        with pytest.raises(schema.SchemaError, match="text: missing"):
            stories.read_story(study, "a")

    def test_notes_are_added_by_step_within_their_trajectory(self, study):
        stories.write_story(study, "a", [Note("5", 5), Note("9", 9), Note("t1", 2, trajectory=1)])
        for note, at in ((Note("7", 7, trajectory=0), 1), (Note("12", 12, trajectory=0), 3), (Note("0", 0), 4)):
            trajectory = 1 if note.text == "0" else 0
            assert stories.add_note(study, "a", Note(note.text, note.steps, trajectory=trajectory)) == at
        assert [note.text for note in stories.read_story(study, "a")] == ["5", "7", "9", "12", "0", "t1"]
        assert stories.add_note(study, "a", Note("first", 50, trajectory=0), position=0) == 0

    def test_an_edited_note_moves_only_with_its_steps(self, study):
        stories.write_story(study, "a", [Note("late", 9), Note("early", 2), Note("later", 12)])
        late, *_ = stories.read_story(study, "a")
        assert stories.edit_note(study, "a", 0, Note("still here", 9, trajectory=0)) == 0
        assert stories.edit_note(study, "a", 0, Note("moved", 20, trajectory=0)) == 2
        assert [note.text for note in stories.read_story(study, "a")] == ["early", "later", "moved"]
        assert late.text == "late"

    def test_removing_and_adding_at_its_position_undoes_it(self, study):
        stories.write_story(study, "a", [Note("b", 9), Note("a", 2), Note("c", 12)])
        before = stories.read_story(study, "a")
        removed = stories.remove_note(study, "a", 1)
        stories.add_note(study, "a", removed, position=1)
        assert stories.read_story(study, "a") == before
        with pytest.raises(ValueError, match="there is no note 3"):
            stories.remove_note(study, "a", 3)


class TestRequests:
    def test_a_view_writes_notes_and_every_view_of_the_study_sees_them(self, study):
        view, other = rlv.Explorer(study), rlv.Explorer(study)
        assert "error" not in request(view, "new_story", story="a")
        assert request(view, "add_note", story="a", position=-1, **fields())["result"]["note"] == 0
        earlier = request(view, "add_note", story="a", position=-1, **fields(start=1, stop=2, text="**coin**"))
        assert earlier["result"]["note"] == 0
        edited = request(view, "edit_note", story="a", note=1, **fields(text="changed", feature=2, combine=1))
        assert edited["result"]["note"] == 1
        assert other._study["stories"] == view._study["stories"]
        first, second = other._study["stories"][0]["notes"]
        assert (first["text"], second["text"], second["feature"], second["combine"]) == ("**coin**", "changed", 2, True)
        request(view, "remove_note", story="a", note=0)
        assert [note.text for note in stories.read_story(study, "a")] == ["changed"]
        rlv.remove_story(study, "a")
        assert other._study["stories"] == []

    def test_a_story_that_is_begun_twice_keeps_its_notes(self, study):
        view = rlv.Explorer(study)
        request(view, "new_story", story="a")
        request(view, "add_note", story="a", position=-1, **fields())
        request(view, "new_story", story="a")
        assert len(stories.read_story(study, "a")) == 1

    def test_a_wrong_note_is_refused_with_the_reason(self, study):
        view = rlv.Explorer(study)
        request(view, "new_story", story="a")
        for changes, message in (
            ({"stop": 900}, "the last step is 69"),
            ({"output": "RIHGT"}, "Did you mean 'RIGHT'"),
            ({"feature": 99}, "from 0; 4 is the residual"),
            ({"mode": "chnage"}, "mode must be one of"),
            ({"start": 5}, "0 <= start < stop"),
        ):
            reply = request(view, "add_note", story="a", position=-1, **fields(**changes))
            assert message in reply["error"]
        assert message in reply["error"]
        assert stories.read_story(study, "a") == []

    def test_a_node_that_is_no_story_does_not_keep_a_view_from_opening(self, study):
        study["stories/other"] = xr.DataTree(xr.Dataset({"anything": ("goes", np.arange(3))}))
        stories.write_story(study, "a", [Note("x", 3)])
        assert [story["name"] for story in rlv.Explorer(study)._study["stories"]] == ["a"]


class TestView:
    def test_it_writes_the_story_and_opens_at_its_first_note(self, study):
        view = rlv.Story(study, "a", [Note("x", slice(7, 9), feature="saw", combine=True)], trajectory=1)
        assert (view.trajectory, view.step, view.note, view.feature, view.combine) == (1, 7, 0, 1, True)
        assert view.notes == stories.read_story(study, "a")
        assert "Story 'a' of 1 notes" in repr(view)

    def test_a_stored_story_is_found_by_name_or_is_the_first(self, study):
        stories.write_story(study, "b", [Note("x", 3)])
        stories.write_story(study, "a", [Note("y", 4)])
        assert rlv.Story(study).story == "a"
        assert rlv.Story(study, "b").step == 3
        assert rlv.Story(study, "b").stories == ["a", "b"]
        with pytest.raises(Exception, match=r"unknown story .c."):
            rlv.Story(study, "c")

    def test_setting_the_note_goes_there_and_a_step_of_the_note_is_left_alone(self, study):
        notes = [Note("x", slice(3, 6)), Note("y", slice(9, 12), trajectory=1, feature=2, mode="change")]
        view = rlv.Story(study, "a", notes)
        view.note = 1
        assert (view.trajectory, view.step, view.feature, view.mode) == (1, 9, 2, "change")
        view.set_state({"step": 11, "note": 1})
        assert view.step == 11
        view.note = 0
        assert (view.trajectory, view.step, view.feature, view.mode) == (0, 3, None, "attribution")

    def test_traits_and_state_take_precedence(self, study):
        notes = [Note("x", slice(3, 6)), Note("y", 9)]
        assert rlv.Story(study, "a", notes, note=1).step == 9
        view = rlv.Story(study, "a", notes, step=4, note=0, look="article")
        again = rlv.Story(study, state=view.state())
        assert (again.story, again.step, again.note, again.look) == ("a", 4, 0, "article")

    def test_an_output_that_is_not_there_does_not_keep_it_from_opening(self, study):
        view = rlv.Story(study, "a", [Note("x", 3, output="RIGHT"), Note("y", 4, output="likeliest")])
        view.note = 1
        assert (view.step, view.output) == (4, "value")

    def test_mistakes_are_named(self, study):
        with pytest.raises(TypeError, match="Did you mean 'notes'"):
            rlv.Story(study, "a", noets=[])
        with pytest.raises(ValueError, match="needs a name"):
            rlv.Story(study, notes=[])
        with pytest.raises(ValueError, match="holds no story"):
            rlv.Story(study)
        with pytest.raises(TypeError, match=r"rlv.Note objects, got str"):
            rlv.Story(study, "a", ["text"])

    def test_a_page_holds_the_story_s_trajectories_and_no_other(self, study):
        page = rlv.Story(study, "a", [Note("x", 3)], trajectory=1).page()
        assert {params["trajectory"] for _, params in page.asked if "trajectory" in params} == {1}
        assert ("bundle", {"name": "story"}) in page.asked
        assert page.state["story"] == "a"
        assert page.state["_only"] is True
        for method, params in page.asked:
            if method != "bundle":
                page.answer(method, params)
