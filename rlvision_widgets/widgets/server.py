"""Serves a view's messages: answers what it asks for, computes what it lacks, and always replies."""

import contextlib
import logging
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from rlvision_widgets.schema import Selection
from rlvision_widgets.widgets.description import Offers
from rlvision_widgets.widgets.jobs import Cancelled, Job, Line
from rlvision_widgets.widgets.requests import Answer, Request, Work
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.wire import encode

__all__ = ["Connection", "RequestServer"]

log = logging.getLogger(__name__)
SLOW_ANSWER = 0.25  # seconds after which an answer is worth a line in the log
WRITING = threading.RLock()  # one for all views, because several may show one study

Send = Callable[[dict[str, Any], list[bytes]], None]


class Connection(Offers, Protocol):
    """What computes attribution that a study lacks: `study.connect` makes one of an agent."""

    def attribute(
        self,
        selection: Selection,
        *,
        progress: Callable[[str, int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Any:
        """Compute what is missing for the selection, and write it into the study."""


class RequestServer:
    """Handles the messages of one view's front-end.

    Short reads are answered at once, long ones from a thread, so that a chunk never waits for a whole trajectory;
    computing has a thread of its own, in which one request is served after another, and what takes minutes another.

    Parameters
    ----------
    source : StudySource
        Answers requests for arrays.
    connection : Connection or None
        Computes attribution.
    send : callable
        Takes a message and its buffers; called from several threads.
    refresh : callable
        Called when a request has changed the study; shows the change in all its views.
    """

    def __init__(
        self, source: StudySource, connection: Connection | None, send: Send, refresh: Callable[[], None]
    ) -> None:
        self._source = source
        self._connection = connection
        self._send = send
        self._refresh = refresh
        self._lock = threading.RLock()  # notebooks hand over messages in several threads
        self._computing = Line("rlvision-compute")
        self._aside = Line("rlvision-aside")
        self._reading = Line("rlvision-read")

    def handle(self, content: object) -> None:
        """Handle one message; what is neither a request nor a cancellation is left alone."""
        if not isinstance(content, dict):
            return
        if content.get("kind") == "rlv-cancel":
            for line in (self._computing, self._aside):
                line.cancel(str(content.get("id")))
        elif content.get("kind") == "rlv-request":
            self._answer(content.get("id"), content.get("method"), content.get("params"))

    def refuse(self, request: object, why: str) -> None:
        """Answer a request with an error."""
        self._reply_error(request, ValueError(why))

    def close(self) -> None:
        """Stop what is being computed."""
        for line in (self._computing, self._aside):
            line.cancel()

    def join(self, timeout: float | None = None) -> None:
        """Wait until everything that was asked for is answered."""
        for line in (self._reading, self._computing, self._aside):
            line.join(timeout)

    def _answer(self, request: object, method: object, params: object) -> None:
        try:
            asked, checked = self._source.check(method, params)
            if asked.needs_agent:
                kept = asked.stored(self._source, **checked) if asked.stored is not None else None
                if kept is not None:
                    self._send_answer(request, kept)
                else:
                    self._start_computing(str(request), asked, checked)
            elif asked.slow(self._source):
                self._reading.add(Job(str(request), lambda _: self._reply(request, asked, checked), _no_report))
            else:
                with self._lock:
                    self._reply(request, asked, checked)
        except Exception as error:
            self._reply_error(request, error)

    def _reply(self, request: object, asked: Request, params: dict[str, Any]) -> None:
        start = time.perf_counter()
        try:
            with WRITING if asked.writes else contextlib.nullcontext():
                answer = self._source.answer(asked.name, params)
            if asked.writes:
                self._refresh()
            self._send_answer(request, answer)
        except Exception as error:
            self._reply_error(request, error)
        if (took := time.perf_counter() - start) > SLOW_ANSWER:
            log.info("%s %s took %.2f s", asked.name, params, took)

    def _send_answer(self, request: object, answer: Answer) -> None:
        result, arrays = answer
        specs, buffers = encode(arrays, "zlib", lambda data: zlib.compress(data, 1))
        self._send({"kind": "rlv-reply", "id": request, "result": {**result, "arrays": specs}}, buffers)

    def _reply_error(self, request: object, error: Exception) -> None:
        """Answer with an error: a view must never wait for an answer that does not come."""
        if not isinstance(error, Cancelled):
            log.debug("request failed", exc_info=error)
        text = str(error) if isinstance(error, ValueError | Cancelled) else f"{type(error).__name__}: {error}"
        self._send({"kind": "rlv-reply", "id": request, "error": text}, [])

    def _start_computing(self, request: str, asked: Request, params: dict[str, Any]) -> None:
        if self._connection is None:
            raise ValueError("this view has no agent to compute with: pass agent= to it")
        connection = self._connection

        def report(stage: str, done: int, total: int) -> None:
            message = {"kind": "rlv-progress", "id": request, "stage": stage, "done": done, "total": total}
            self._send(message, [])

        def run(job: Job) -> None:
            work = Work(connection, job.progress, job.report, job.is_cancelled, self._refresh)
            try:
                try:
                    answer = asked.answer(self._source, work, **params)
                finally:  # what was done before an error stays, and is shown
                    if asked.writes:
                        self._refresh()
                self._send_answer(request, answer)
            except Exception as error:
                self._reply_error(request, Cancelled("cancelled") if job.is_cancelled() else error)

        line = self._aside if asked.aside else self._computing
        if line.add(Job(request, run, report)):
            report("waiting", 0, 0)


def _no_report(_stage: str, _done: int, _total: int) -> None:
    """Report nothing: reading has no stages."""
