"""The explorer: what the agent saw, why it was pleased, why it was worried, and which features say so."""

from collections.abc import Iterable, Mapping
from typing import Any

from rlvision_widgets.schema import Selection
from rlvision_widgets.widgets import linking
from rlvision_widgets.widgets.bundle import built
from rlvision_widgets.widgets.editing_page import edits_requests, edits_state
from rlvision_widgets.widgets.explorer_traits import ExplorerTraits
from rlvision_widgets.widgets.page import Asked, parts, requests
from rlvision_widgets.widgets.page_world import as_carried, opened
from rlvision_widgets.widgets.pictures import Painter, Shown
from rlvision_widgets.widgets.poster import Pixels
from rlvision_widgets.widgets.server import Connection
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Study
from rlvision_widgets.widgets.world_description import branch_names

__all__ = ["Explorer"]


class Explorer(ExplorerTraits):
    """Scrub through a study's trajectories beside the attribution of each step to the layer's features.

    Every trait can be set from Python and follows what is done in the notebook. Steps and trajectories count from 0.

    Parameters
    ----------
    study : DataTree, str or Path
        A study, or where one is saved (opened lazily).
    agent : Agent, optional
        The agent that the study is of. With it, attribution to further layers and of further outputs is computed
        when they are picked.
    connection : Connection, optional
        In place of an agent: what computes attribution, for instance on another machine.
    trajectory, step : int
        What is shown.
    layer, output : str
        Whose activations are explained, and what about them: ``"value"``, an action's name (its logit), or another
        form that `schema.Output.parse` reads. By default the middle one of the stored layers.
    feature : int or None
        The feature that is shown alone; the number of features stands for the residual.
    hovered : int or None
        The feature under the pointer: shown alone while it stays there.
    playing, direction, fps, loop : bool, int, float, bool
        Playback; direction is 1 or -1.
    overlay, combine, show_residual : bool
        Draw attribution over the observation; raising and lowering attribution in one panel; the residual too.
    more_outputs : list of str
        Outputs of further rows of attribution, below that of `output`.
    mode : "attribution" or "change"
        What is drawn: a step's attribution, or what has changed since the step before.
    scale : "study" or "trajectory"
        What the strength of colours is relative to; the second is the article's.
    look : "standard" or "article"
        Colours and smoothing: told apart with every kind of colour vision, or as in the article.
    centred : bool
        Keep the present step in the middle of the timeline; of `view_range` only the length counts then.
    view_range, selected_range : list of int
        Steps [start, stop) that the timeline shows; that are brushed. Empty: all; none.
    opened : int or None
        The feature whose dataset examples are open.
    cell : list of int
        [row, column] of the layer's cell that is inspected, or empty.
    story : str
        The story that is told, or empty.
    note : int or None
        The note of the story that is shown.
    objects : "off", "outlines" or "fill"
        Whether the observation shows which class of object its pixels are of, where the study holds masks.
    branch, branch_member : str, int
        The fork (a name under ``/branches``; empty: none), and which of its branches is compared with what happened.
    editing : bool
        Whether the part is open in which features of the network are edited.
    edits : list
        How the agent is edited, as in `Editor`; `toggle`, `edit`, `undo`, `redo`, `reset`, `preset` and `keep` change
        and keep it, `agent` is the agent that it makes.
    history, undone : list of list
        Former lists of edits, for `undo`; those that were taken back, for `redo`.
    cursor_x : list of float
        [step, step], for the cursor of a chart; the browser writes it whenever the step changes. See `link`.
    state : dict or str
        What `state` of another view returned, or its JSON text: that view's traits, to begin with.

    Attributes
    ----------
    num_trajectories, num_steps : int
        The study's size.
    can_compute : bool
        Whether an agent is connected.

    Raises
    ------
    TypeError
        For an unknown keyword, naming the nearest right one.
    SchemaError, ValueError
        If the study is none, or is empty.
    TraitError
        For a value out of range, naming the range or the nearest right name.
    """

    _bundle = "explorer"
    _esm = built("explorer.js")
    _css = built("explorer.css")

    def __init__(
        self,
        study: Study,
        agent: Any = None,
        *,
        connection: Connection | None = None,
        state: Mapping[str, Any] | str | None = None,
        **traits: Any,
    ) -> None:
        self._painted: tuple[Shown, int, Painter] | None = None
        super().__init__([(study, agent, connection)], state=state, **traits)

    @property
    def selection(self) -> Selection:
        """What is shown, in the form that computations take."""
        return Selection(self.trajectory, slice(self.step, self.step + 1), self.layer, self.output, self.feature)

    def link(self, mark: Any, attribute: str = "x") -> Any:
        """Make a mark of a chart follow the step in the browser: at once, even while the kernel is busy.

        Parameters
        ----------
        mark : Widget
            Usually a bqplot mark; any widget with a list or array trait of two numbers.
        attribute : str
            The trait that becomes [step, step].

        Returns
        -------
        Link
            Its `unlink` ends it.

        Raises
        ------
        TypeError, ValueError
            If `mark` is no widget; if it lacks the attribute, naming the nearest.

        Notes
        -----
        The link goes one way: a mark that is dragged does not move the explorer (observe the mark, and set
        ``explorer.step``). It needs a host that runs ipywidgets' own links: JupyterLab and Notebook do, marimo does
        not. The scale should have a min and a max, or the mark ``preserve_domain={"x": True}``; else the chart
        rescales as the step changes. `cursor` sees to that. Beyond 5,000 points a bqplot chart moves visibly late.
        """
        return linking.link(self, mark, attribute)

    def cursor(self, scales: Mapping[str, Any], low: float | None = None, high: float | None = None) -> Any:
        """Return a vertical line for a bqplot chart over steps, which follows this explorer in the browser.

        Parameters
        ----------
        scales : mapping
            The chart's scales, ``{"x": …, "y": …}``, over steps and over whatever it shows.
        low, high : float, optional
            Where the line ends, in units of the y scale; by default its min and max.

        Returns
        -------
        bqplot.Lines
            Put it among the figure's marks. The chart's scales are left as they are.

        Raises
        ------
        ValueError
            If scales are missing, or nothing says where the line ends.
        """
        return linking.cursor(self, scales, low, high)

    def refresh(self) -> None:
        """Show what was added to the study by other means than views."""
        if self.branch and self.branch not in branch_names(self.study):
            self.branch = ""
        self._study = dict(self.source.describe())
        self._refresh_edits()

    def __repr__(self) -> str:
        size = f"{self.num_trajectories} trajectories of {self.num_steps} steps"
        shown = f"layer={self.layer!r}, output={self.output!r}, trajectory={self.trajectory}, step={self.step}"
        return f"<Explorer of {self.study.attrs['agent']} in {self.study.attrs['environment']}: {size}; {shown}>"

    def picture(self, step: int | None = None) -> Pixels:
        """Draw the panels as the explorer shows them; see `View.picture`.

        Raises
        ------
        ValueError
            If the trajectory has no such step.
        """
        step = self.step if step is None else step
        if not 0 <= step < self.num_steps:
            raise ValueError(f"step must be from 0 to {self.num_steps - 1}, got {step}")
        return self._painter().picture(step)

    def _painter(self) -> Painter:
        """Return what draws the panels; kept while the same is shown, because it keeps what it has read."""
        shown = Shown.of({name: getattr(self, name) for name in self.settable()})
        if self._painted is None or self._painted[:2] != (shown, id(self._study)):
            self._painted = (shown, id(self._study), Painter(self.source, shown))
        return self._painted[2]

    def _movie_steps(self) -> range:
        """Return the brushed steps, or the episode that is shown."""
        if self.selected_range:
            return range(*self.selected_range)
        episodes = self.source.episodes(self.trajectory)
        return next(range(e["start"], e["stop"]) for e in episodes if e["start"] <= self.step < e["stop"])

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        state = super()._page_state(sources)
        described = sources[0].describe()
        names = {layer["name"] for layer in described["layers"]}
        outputs = {output["name"] for output in described["outputs"]}
        # Without any layer the page shows what was seen, thought and done.
        if names and (self.layer not in names or self.output not in outputs):
            raise ValueError(
                f"the view shows output {self.output!r} of layer {self.layer!r}, which is not computed, and a page "
                "cannot compute: compute it in the view first, or pick another"
            )
        kept = [output for output in self.more_outputs if output in outputs]
        own = {"more_outputs": kept, "can_compute": False, "_study": dict(as_carried(described))}
        return {**state, **own, **edits_state(sources[0])}

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterable[Asked]:
        source = sources[0]
        editing = ("bundle", {"name": "editing"})  # without kept answers it says what the rest needs
        return [*requests(source), *parts(source), *opened(source), editing, *edits_requests(source)]
