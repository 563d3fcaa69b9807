"""Whole batches side by side, each in one thread, instead of every small operation split among all of them.

Split operations wait for each other many times a batch. Alone on the machine that costs little; beside other busy
processes one of the threads is always late, and a split network several times slower (BENCHMARKS.md). Batches side by
side wait for nothing.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["side_by_side"]

T = TypeVar("T")
R = TypeVar("R")

_lock = threading.Lock()
_pool: tuple[int, ThreadPoolExecutor] | None = None


def side_by_side(function: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """Yield ``function(item)`` for each item, in order; as many at a time as torch has threads in this one.

    Items are taken no faster than they are worked on, so that they may be read lazily. The function must be free of
    side effects on shared things; grad mode has to be set in it, since that belongs to a thread. Within it torch has
    one thread, and a nested call works one by one. When the generator is closed early, what runs is waited for and
    nothing more is started.
    """
    workers = torch.get_num_threads()
    if workers == 1:
        yield from map(function, items)
        return
    pool = _workers(workers)
    running: deque[Future[R]] = deque()
    try:
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) > workers:  # one more than can run, so that no worker waits for the consumer
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
        for future in running:
            if not future.cancelled():
                future.exception()  # waits


def _workers(number: int) -> ThreadPoolExecutor:
    """Return a pool of at least `number` threads, in each of which torch uses that one thread only."""
    global _pool  # noqa: PLW0603 - threads are kept, since each new one costs torch some milliseconds
    with _lock:
        if _pool is None or _pool[0] < number:
            started = threading.Barrier(number + 1)

            def start() -> None:
                torch.set_num_threads(1)
                torch.get_num_threads()  # a thread's first look takes over what was set last, wherever; not later
                started.wait()

            pool = ThreadPoolExecutor(number, thread_name_prefix="torch-batch", initializer=start)
            for _ in range(number):
                pool.submit(int)  # each makes the pool start one more thread
            started.wait()
            torch.set_num_threads(number)  # setting it in a thread also sets it for threads to come
            _pool = number, pool
        return _pool[1]
