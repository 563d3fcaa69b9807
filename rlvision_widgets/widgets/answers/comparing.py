"""How trajectories of one study or several stand beside each other."""

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.alignment import Member, align
from rlvision_widgets.widgets.divergence import divergences
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource


@request(slow=True)
def alignment(source: StudySource, members: str, at: str) -> Answer:
    """Return each member's track on the shared time, and where members part; ``members`` is as in ``"0/3 1/0"``."""
    chosen = [_member(source.peers, text) for text in members.split()]
    found = align(chosen, at)
    tracks = [track and {"start": track.start, "stop": track.stop, "offset": track.offset} for track in found.tracks]
    pairs = divergences(chosen, found)
    return {**vars(found), "tracks": tracks, "pairs": pairs}, {}


def _member(sources: tuple[StudySource, ...], text: str) -> Member:
    """Read ``"1/3"``: trajectory 3 of the study 1."""
    study, _, trajectory = text.partition("/")
    if not (study.isdecimal() and trajectory.isdecimal()):
        raise ValueError(f"alignment: expected members as 'study/trajectory', got {text!r}")
    if int(study) >= len(sources) or int(trajectory) >= sources[int(study)].num_trajectories:
        known = [f"{i}/{k}" for i, one in enumerate(sources) for k in range(one.num_trajectories)]
        raise ValueError("alignment: " + unknown("member", text, known[:64]))
    return Member(int(study), int(trajectory), sources[int(study)])
