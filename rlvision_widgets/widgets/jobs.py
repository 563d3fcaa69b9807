"""Work that takes too long for a message handler: one after another, in a thread, to be cancelled at any time."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

__all__ = ["Cancelled", "Job", "Line"]

INTERVAL = 0.1  # seconds between two progress reports of one stage: the notebook server limits messages


class Cancelled(Exception):
    """A job was cancelled; its message is what the view is told."""


class Job:
    """One piece of work and its cancellation.

    Parameters
    ----------
    key : str
        What it is cancelled by.
    work : callable
        Gets the job; called in the line's thread.
    report : callable
        Gets (stage, done, total); called from the line's thread. `progress` calls it, not too often.
    """

    def __init__(self, key: str, work: Callable[["Job"], None], report: Callable[[str, int, int], None]) -> None:
        self.key = key
        self.work = work
        self.report = report
        self._cancelled = threading.Event()
        self._last: tuple[str, float] = ("", 0.0)

    def cancel(self) -> None:
        """Ask the work to stop at its next opportunity."""
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Tell whether the work should stop."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled if the work should stop."""
        if self._cancelled.is_set():
            raise Cancelled("cancelled")

    def progress(self, stage: str, done: int, total: int) -> None:
        """Report progress, unless the same stage was reported a moment ago and is not at its end."""
        last_stage, last_time = self._last
        now = time.monotonic()
        if stage != last_stage or done >= total or now - last_time >= INTERVAL:
            self._last = stage, now
            self.report(stage, done, total)


class Line:
    """Jobs that wait for each other. Its thread lives only while there is work.

    Parameters
    ----------
    name : str
        The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, job: Job) -> bool:
        """Put a job at the end of the line; return whether it has to wait."""
        with self._lock:
            waits = bool(self._jobs)
            self._jobs[job.key] = job
            self._queue.put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return waits

    def cancel(self, key: str | None = None) -> None:
        """Cancel one job, or (None) all of them. An unknown key may be of a job that has just ended: no error."""
        with self._lock:
            jobs = list(self._jobs.values()) if key is None else [self._jobs[key]] if key in self._jobs else []
        for job in jobs:
            job.cancel()

    def join(self, timeout: float | None = None) -> None:
        """Wait until nothing is left to do."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                try:
                    job = self._queue.get_nowait()
                except Empty:
                    self._thread = None
                    return
            try:
                job.work(job)
            finally:
                with self._lock:
                    self._jobs.pop(job.key, None)
