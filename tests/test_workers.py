import threading
import time

import pytest
import torch

from rlvision_widgets.agents.workers import side_by_side


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2, "the caller's own setting is left alone"
    torch.set_num_threads(before)


def test_results_come_in_order_whatever_takes_longest():
    def slowly(number):
        time.sleep(0.02 * (number % 3 == 0))
        return number

    assert list(side_by_side(slowly, range(20))) == list(range(20))


def test_two_items_are_worked_on_at_once_with_one_thread_of_torch_each():
    meeting = threading.Barrier(2)

    def meet(_):
        meeting.wait(timeout=30)
        return torch.get_num_threads()

    assert list(side_by_side(meet, range(4))) == [1, 1, 1, 1]


def test_items_are_taken_no_faster_than_they_are_worked_on():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = side_by_side(lambda number: number, items())
    next(results)
    assert len(taken) <= 4
    results.close()
    assert len(taken) <= 4


def test_a_nested_call_works_one_by_one():
    def inner(number):
        return threading.get_ident()

    def outer(number):
        return len({threading.get_ident(), *side_by_side(inner, range(3))})

    assert list(side_by_side(outer, range(4))) == [1, 1, 1, 1]


def test_an_error_reaches_the_caller_and_nothing_goes_on_behind():
    running = []

    def fail(number):
        running.append(number)
        time.sleep(0.02)
        if number == 1:
            raise ValueError("batch 1")
        return number

    with pytest.raises(ValueError, match="batch 1"):
        list(side_by_side(fail, range(50)))
    seen = len(running)
    time.sleep(0.1)
    assert len(running) == seen < 10


def test_one_thread_works_in_the_caller():
    torch.set_num_threads(1)
    assert list(side_by_side(lambda _: threading.get_ident(), range(2))) == [threading.get_ident()] * 2
    torch.set_num_threads(2)
