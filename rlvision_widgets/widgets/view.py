"""What all views share: studies, requests, refreshing, closing, pictures and pages."""

import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import xarray as xr

from rlvision_widgets import changes
from rlvision_widgets.storage import open_study
from rlvision_widgets.widgets import answers  # noqa: F401 - registers the requests
from rlvision_widgets.widgets.bundle import read_bundle
from rlvision_widgets.widgets.page import Asked, Page, of_study, requests
from rlvision_widgets.widgets.poster import Pixels, png
from rlvision_widgets.widgets.restoring import Restorable
from rlvision_widgets.widgets.server import Connection, RequestServer
from rlvision_widgets.widgets.source import StudySource

__all__ = ["Study", "View"]

Study = xr.DataTree | str | os.PathLike[str]
_INJECTED = {"_anywidget_id", "_css", "_esm"}  # traits that anywidget adds to each view


class View(Restorable):
    """A view of one study or several; the base class of all views.

    A subclass names its bundle, has traits, and passes them on: ``super().__init__([(study, agent, connection)],
    **traits)``. `Restorable` says which of its traits can be set and are part of its state.

    Parameters
    ----------
    studies : iterable of (study, agent, connection)
        A study or where one is saved; what computes for it, if anything: an agent, or a connection.
    state : dict or str, optional
        What `state` of an equal view returned, or its JSON text.
    traits
        Values of traits; they take precedence over the state's.

    Raises
    ------
    TypeError
        For an unknown keyword, naming the nearest right one.
    SchemaError, ValueError
        If a study is none, or is empty.
    TraitError
        For a value out of range.
    """

    _bundle: ClassVar[str] = ""  # script and style sheet in `static`, without suffix

    def __init__(
        self,
        studies: Iterable[tuple[Study, Any, Connection | None]],
        *,
        state: Mapping[str, Any] | str | None = None,
        **traits: Any,
    ) -> None:
        self._check_keywords(traits)
        read_bundle(f"{self._bundle}.js")
        opened = [self._open(*one) for one in studies]
        self._sources = tuple(StudySource(tree, connection) for tree, connection in opened)
        for source in self._sources:
            source.peers = self._sources
        self._servers = tuple(
            RequestServer(source, connection, self._send_to_views, partial(changes.announce, source.study))
            for source, (_, connection) in zip(self._sources, opened, strict=True)
        )
        self._watch_no_files()
        super().__init__(**{**self._parse_state(state), **traits})
        self.on_msg(lambda _widget, content, _buffers: self._receive(content))
        with _opening:
            _open_views.add(self)

    @property
    def study(self) -> xr.DataTree:
        """The study that is shown (of several the first); computing adds to it."""
        return self.source.study

    @property
    def source(self) -> StudySource:
        """What answers this view's requests (of several the first)."""
        return self._sources[0]

    @property
    def sources(self) -> tuple[StudySource, ...]:
        """What answers this view's requests, one per study."""
        return self._sources

    def refresh(self) -> None:
        """Show what was added to the study by other means than views. Views of one study do it for each other."""

    def close(self) -> None:
        """Close the view; what it is computing stops."""
        with _opening:
            _open_views.discard(self)
        for server in getattr(self, "_servers", ()):  # a widget whose construction failed is closed too
            server.close()
        super().close()

    def join(self, timeout: float | None = None) -> None:
        """Wait until everything that the browser has asked for is answered; for tests and scripts.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which to stop waiting, per study.
        """
        for server in self._servers:
            server.join(timeout)

    # -- what subclasses may replace ------------------------------------------------------------------------------

    def picture(self, step: int | None = None) -> Pixels | None:
        """Draw what the view shows, for where none can run; `save_snapshot` writes it.

        Parameters
        ----------
        step : int, optional
            The step to draw; by default the one that is shown.

        Returns
        -------
        uint8 array, (height, width, rgb), or None
            On white, with captions, in any theme; None where there is nothing to draw.
        """
        return None

    def _movie_steps(self) -> range | None:
        """Return the steps that a movie of the view shows unless it is told others; None: the view has no steps."""
        return None

    def page(self) -> Page:
        """Gather what a page without a kernel has to carry; `save_snapshot` writes it.

        Raises
        ------
        ValueError
            If the view shows what is not computed, because a page cannot compute it.
        """
        sources = tuple(StudySource(source.study) for source in self._sources)
        for source in sources:
            source.peers = sources
        state, asked = self._page_state(sources), list(self._page_requests(sources))
        return Page(self._bundle, sources, state, asked, self._poster())

    def _poster(self) -> bytes | None:
        picture = self.picture()
        return None if picture is None else png(picture)

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        """Return the synced traits that a page opens with: as the view stands, but at rest."""
        traits = self.class_traits(sync=True).items()
        own = {name: trait for name, trait in traits if issubclass(trait.this_class, View) and name not in _INJECTED}
        return {
            name: self.trait_defaults(name) if trait.metadata.get("passing") else getattr(self, name)
            for name, trait in own.items()
        }

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterable[Asked]:
        """Yield every request that the view can make of the sources, and that has an answer without an agent."""
        if len(sources) == 1:
            return requests(sources[0])
        return [asked for index, source in enumerate(sources) for asked in of_study(index, requests(source))]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a picture, for where no view can run: GitHub, an untrusted notebook."""
        bundle = super()._repr_mimebundle_(**kwargs)
        picture = self._poster() if bundle is not None else None
        if bundle is None or picture is None:
            return bundle
        data, metadata = bundle
        return {**data, "image/png": picture}, metadata

    # -- inside ---------------------------------------------------------------------------------------------------

    def _watch_no_files(self) -> None:
        """Show anywidget the text of script and style sheet in place of files, unless these are to be reloaded.

        What watches a file lives as long as its class: with it every view that ever was, its study, and the emulators.
        """
        if os.environ.get("ANYWIDGET_HMR") != "1":
            self.__dict__.update({name: str(getattr(type(self), name, "")) for name in ("_esm", "_css")})

    @classmethod
    def _open(cls, study: Study, agent: Any, connection: Connection | None) -> tuple[xr.DataTree, Connection | None]:
        tree = study if isinstance(study, xr.DataTree) else open_study(Path(study))
        if agent is not None and connection is not None:
            raise TypeError(f"{cls.__name__} takes an agent or a connection, not both")
        if agent is not None:
            # Here and nowhere else a view reaches the room that knows torch, which is loaded if there is an agent.
            connection = import_module("rlvision_widgets.study").connect(agent, tree)
        return tree, connection

    def _receive(self, content: object) -> None:
        """Hand a message to the server of its study: the parameter `study`, 0 by default, says which."""
        server = self._servers[0]
        if isinstance(content, dict) and content.get("kind") == "rlv-cancel":
            for each in self._servers:
                each.handle(content)
            return
        if isinstance(content, dict) and isinstance(params := content.get("params"), dict) and "study" in params:
            index = params["study"]
            if type(index) is not int or not 0 <= index < len(self._servers):
                why = f"study {index!r} is out of range; there are {len(self._servers)}, from 0"
                server.refuse(content.get("id"), why)
                return
            server = self._servers[index]
            content = {**content, "params": {name: value for name, value in params.items() if name != "study"}}
        server.handle(content)

    def _send_to_views(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(content, buffers)


_open_views: weakref.WeakSet[View] = weakref.WeakSet()
_opening = threading.Lock()  # a computation may refresh views while a cell opens another


def _refresh_views(study: Any) -> None:
    """Refresh every open view of a study."""
    with _opening:
        views = list(_open_views)
    for view in views:
        if any(source.study is study for source in view.sources):
            view.refresh()


changes.watch(_refresh_views)
