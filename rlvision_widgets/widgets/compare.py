"""Trajectories beside each other in lock-step: the same agent twice, or several agents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import Output
from rlvision_widgets.widgets.alignment import Alignment, Member, align, choices
from rlvision_widgets.widgets.bundle import built
from rlvision_widgets.widgets.explorer_traits import default_layer, default_output
from rlvision_widgets.widgets.members import labels_of, places_of, summarise
from rlvision_widgets.widgets.page import Asked, of_study, requests
from rlvision_widgets.widgets.pictures import Painter, Shown, captioned
from rlvision_widgets.widgets.poster import Pixels
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Study, View

__all__ = ["Compare"]


class Align(t.Unicode):  # type: ignore[type-arg]
    """What members are aligned at: a word, or one step for each."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Turn steps into a word."""
        if isinstance(value, list | tuple) and all(isinstance(step, int | np.integer) for step in value):
            value = "steps:" + ",".join(str(int(step)) for step in value)
        return super().validate(obj, value)


class Compare(View):
    """Two or more trajectories or agents in lock-step, their curves in one chart and their differences drawn.

    Members share one time, transport, timeline and output; each has its own study, trajectory and layer. Every trait
    can be set from Python and follows what is done in the notebook. Steps, members and trajectories count from 0.

    Parameters
    ----------
    *studies : DataTree, str or Path
        Studies, or where they are saved. Of one study, its first two trajectories are compared by default; of several
        the first trajectory of each.
    trajectories : sequence of int, optional
        One a member: several of one study, or one of each study.
    align : str or sequence of int
        ``"step"``: the same step beside each other. ``"level"``: the same level, from its start (``"level:7"`` picks
        one). ``"reward"``, ``"end"``, ``"failure"``, ``"success"``: the first reward, the end of the first episode, the
        most unexpected failure or success beside each other. Steps, as in ``[12, 40]``: these steps beside each other.
        All but ``"step"`` show one episode of each member.
    labels : sequence of str, optional
        Names of the members; by default what tells them apart.
    members : list of str
        The same as a trait.
    step : int
        Of the shared time. An explorer follows it with ``traitlets.link((compare, "step"), (explorer, "step"))`` while
        members are aligned at the step.
    output : str
        What is explained, in all members.
    layers : list of str
        Whose activations are explained, one a member. By default the middle one of each study's stored layers.
    features : list of (int or None)
        The feature of each member's layer that is shown alone.
    selected : int
        The member that the others are compared with.
    playing, direction, fps, loop : bool, int, float, bool
        Playback; direction is 1 or -1.
    overlay, combine : bool
        Draw attribution over the observation; raising and lowering attribution in one panel.
    show_difference : bool
        Show in which pixels the observations differ.
    state : dict or str, optional
        What `state` of an equal view returned.

    Attributes
    ----------
    num_steps : int
        Length of the shared time.

    Raises
    ------
    TypeError
        Without a study; for an unknown keyword, naming the nearest right one.
    SchemaError, ValueError
        If a study is none, or is empty; if trajectories or labels do not fit the studies.
    TraitError
        For a value out of range, naming the range or the nearest right name; if members share no level.

    Notes
    -----
    Attributions are computed in an `Explorer` with an agent: computed there, they appear here.
    """

    _bundle = "compare"
    _esm = built("compare.js")
    _css = built("compare.css")
    _arguments = ("trajectories", "labels")

    step = t.Int(0).tag(sync=True)
    members = t.List(t.Unicode()).tag(sync=True)
    align = Align("step").tag(sync=True)
    output = t.Unicode().tag(sync=True)
    layers = t.List(t.Unicode()).tag(sync=True)
    features = t.List(t.Int(allow_none=True)).tag(sync=True)
    selected = t.Int(0).tag(sync=True)
    playing = t.Bool(False).tag(sync=True, passing=True)
    direction = t.Int(1).tag(sync=True)
    fps = t.Float(12.0).tag(sync=True)
    loop = t.Bool(True).tag(sync=True)
    overlay = t.Bool(True).tag(sync=True)
    combine = t.Bool(False).tag(sync=True)
    show_difference = t.Bool(False).tag(sync=True)
    num_steps = t.Int(read_only=True).tag(sync=True)
    _members = t.List(t.Dict()).tag(sync=True)
    _choices = t.List(t.Dict()).tag(sync=True, echo_update=False)
    _studies = t.List(t.Dict()).tag(sync=True, echo_update=False)

    def __init__(
        self,
        *studies: Study,
        trajectories: Sequence[int] | None = None,
        labels: Sequence[str] | None = None,
        state: Mapping[str, Any] | str | None = None,
        **traits: Any,
    ) -> None:
        if not studies:
            raise TypeError("Compare needs a study, or several: Compare(study, trajectories=[0, 3]), Compare(a, b)")
        if labels is not None:
            if "members" in traits:
                raise TypeError("Compare takes labels or members, which are the same; not both")
            traits["members"] = list(labels)
        self._trajectories = trajectories
        self._alignments: dict[str, Alignment] = {}
        self._painters: dict[int, tuple[tuple[Shown, int], Painter]] = {}
        super().__init__([(study, None, None) for study in studies], state=state, **traits)

    def summary(self) -> pd.DataFrame:
        """Tell how the members fared, and where each parted from the selected one.

        Returns
        -------
        DataFrame
            A row per member, named by its label: agent, environment, trajectory; start and length (the steps that are
            compared), level_seed (of the first of them), return (sum of raw rewards), outcome (of the one episode,
            else a count of each) and, where a study knows it, cause (what ended them); and compared with the selected
            member, at the steps that both have: overlap (their number), observation_differs and action_differs (the
            first shared step at which they do; NA if never), policy_distance (mean total variation distance, 0 to 1).
        """
        return summarise(self._compared, self.alignment, self.members, self.selected)

    @property
    def alignment(self) -> Alignment:
        """Where each member's steps lie on the shared time: ``alignment.tracks[i].member_step(compare.step)``."""
        return self._aligned(self.align)

    def refresh(self) -> None:
        """Show what was added to the studies by other means than views."""
        self._studies = [dict(source.describe()) for source in self.sources]

    def __repr__(self) -> str:
        shown = f"align={self.align!r}, output={self.output!r}, step={self.step} of {self.num_steps}"
        return f"<Compare of {', '.join(self.members)}: {shown}>"

    def picture(self, step: int | None = None) -> Pixels:
        """Draw each member's panels, one member under the other; see `View.picture`.

        Parameters
        ----------
        step : int, optional
            On the shared time. A member that has no such step shows its nearest one.
        """
        shared = self.step if step is None else step
        rows = []
        for index, track in enumerate(self.alignment.tracks):
            own = 0 if track is None else min(max(shared + track.offset, track.start), track.stop - 1)
            rows.append((self.members[index], self._painter(index).picture(own)))
        return captioned(rows)

    def _painter(self, index: int) -> Painter:
        """Return what draws a member; kept while it shows the same."""
        member = self._compared[index]
        shown = Shown(
            member.trajectory,
            self.layers[index],
            (self.output,),
            self.features[index],
            overlay=self.overlay,
            combine=self.combine,
        )
        key = (shown, id(self._studies))
        if index not in self._painters or self._painters[index][0] != key:
            self._painters[index] = (key, Painter(member.source, shown))
        return self._painters[index][1]

    def _movie_steps(self) -> range:
        return range(self.num_steps)

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        return {**super()._page_state(sources), "_studies": [dict(source.describe()) for source in sources]}

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterator[Asked]:
        """Yield what can be asked of the members' trajectories (not of others), and every alignment on offer."""
        yield from (("bundle", {"name": name}) for name in ("compare_time", "menus"))
        for index, source in enumerate(sources):
            shown = dict.fromkeys(member.trajectory for member in self._compared if member.study == index)
            asked = requests(source, shown)
            yield from asked if len(sources) == 1 else of_study(index, asked)
        members = " ".join(f"{member.study}/{member.trajectory}" for member in self._compared)
        for at in dict.fromkeys([*(choice["name"] for choice in self._choices), self.align]):
            yield "alignment", {"members": members, "at": at}

    # -- members --------------------------------------------------------------------------------------------------

    @property
    def _compared(self) -> list[Member]:
        if not hasattr(self, "_kept"):
            places = places_of([source.num_trajectories for source in self.sources], self._trajectories)
            self._kept = [Member(study, trajectory, self.sources[study]) for study, trajectory in places]
        return self._kept

    def _aligned(self, at: str | Sequence[int]) -> Alignment:
        """Align the members; kept, because every new step is checked against it."""
        key = str(at)
        if key not in self._alignments:
            self._alignments[key] = align(self._compared, at)
        return self._alignments[key]

    @t.default("_members")
    def _default__members(self) -> list[dict[str, Any]]:
        return [{"study": member.study, "trajectory": member.trajectory} for member in self._compared]

    @t.default("_studies")
    def _default_studies(self) -> list[dict[str, Any]]:
        return [dict(source.describe()) for source in self.sources]

    @t.default("_choices")
    def _default_choices(self) -> list[dict[str, Any]]:
        return choices(self._compared)

    @t.default("members")
    def _default_members(self) -> list[str]:
        return labels_of(self._compared)

    @t.default("layers")
    def _default_layers(self) -> list[str]:
        return [default_layer(self._studies[member.study]) for member in self._compared]

    @t.default("features")
    def _default_features(self) -> list[int | None]:
        return [None] * len(self._compared)

    @t.default("output")
    def _default_output(self) -> str:
        return default_output(self._studies[self._compared[0].study])

    @t.default("num_steps")
    def _default_num_steps(self) -> int:
        return self.alignment.num_steps

    # -- traits ---------------------------------------------------------------------------------------------------

    @t.validate("members", "layers", "features")
    def _check_one_each(self, proposal: dict[str, Any]) -> list[Any]:
        name, value = proposal["trait"].name, list(proposal["value"])
        if len(value) != len(self._compared):
            what = "labels" if name == "members" else name
            raise t.TraitError(f"expected {len(self._compared)} {what}, one for each member, got {value}")
        for index, one in enumerate(value):
            if name == "layers":
                self._check_layer(index, one)
            if name == "features":
                self._check_feature(index, one)
        return value

    @t.validate("align")
    def _check_align(self, proposal: dict[str, Any]) -> str:
        try:
            return self._aligned(proposal["value"]).name
        except ValueError as error:
            raise t.TraitError(str(error)) from None

    @t.validate("step")
    def _check_step(self, proposal: dict[str, Any]) -> int:
        value, size = int(proposal["value"]), self.alignment.num_steps
        if not 0 <= value < size:
            raise t.TraitError(f"step must be from 0 to {size - 1} of the shared time, got {value}")
        return value

    @t.validate("selected")
    def _check_selected(self, proposal: dict[str, Any]) -> int:
        value = int(proposal["value"])
        if not 0 <= value < len(self._compared):
            raise t.TraitError(f"selected must be a member, 0 to {len(self._compared) - 1}, got {value}")
        return value

    @t.validate("output")
    def _check_output(self, proposal: dict[str, Any]) -> str:
        errors, names = [], [output["name"] for study in self._studies for output in study["outputs"]]
        for study in self._studies:
            try:
                name = Output.parse(str(proposal["value"]), study["action_names"]).name
            except ValueError as error:
                errors.append(str(error))
                continue
            if name in names:
                return name
            errors.append(unknown("output", name, dict.fromkeys(names), "Compute it in an Explorer first."))
        raise t.TraitError(f"output: {errors[0]}")

    @t.validate("direction")
    def _check_direction(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in {1, -1}:
            raise t.TraitError(f"direction must be 1 or -1, got {proposal['value']}")
        return int(proposal["value"])

    @t.validate("fps")
    def _check_fps(self, proposal: dict[str, Any]) -> float:
        if not 0 < proposal["value"] <= 120:
            raise t.TraitError(f"fps must be above 0 and at most 120, got {proposal['value']}")
        return float(proposal["value"])

    @t.observe("align")
    def _measure(self, _change: object) -> None:
        size = self.alignment.num_steps
        with self.hold_sync():
            self.set_trait("num_steps", size)
            if self.step >= size:
                self.step = size - 1

    @t.observe("layers")
    def _forget_missing_features(self, _change: object) -> None:
        counts = [self._num_features(index) for index in range(len(self._compared))]
        kept = zip(self.features, counts, strict=True)
        self.features = [None if one is None or one > count else one for one, count in kept]

    def _layer(self, index: int, name: str) -> dict[str, Any]:
        layers = self._studies[self._compared[index].study]["layers"]
        return next((layer for layer in layers if layer["name"] == name), {})

    def _num_features(self, index: int) -> int:
        return len(self._layer(index, self.layers[index]).get("features", ()))

    def _check_layer(self, index: int, name: str) -> None:
        if not self._layer(index, name):
            names = [layer["name"] for layer in self._studies[self._compared[index].study]["layers"]]
            raise t.TraitError(f"layers, member {index}: {unknown('layer', name, names)}")

    def _check_feature(self, index: int, feature: int | None) -> None:
        residual = self._num_features(index)
        if feature is not None and not 0 <= feature <= residual:
            raise t.TraitError(
                f"features, member {index}: must be None or from 0 to {residual} ({residual} is the residual) in layer "
                f"{self.layers[index]!r}, got {feature}"
            )
