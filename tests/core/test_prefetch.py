"""Work on another thread: order, errors, the budget of memory, and the end of the thread."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsync_core.media.prefetch import Prefetcher

ITEM = bytes(10)


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "imgsync-prefetch"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert threads() == []
    yield
    assert threads() == []


def until(true: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.001)
    return true()


class Producer:
    """Items of given sizes; knows how many it was asked for."""

    def __init__(self, sizes: list[int]) -> None:
        self.made = 0
        self._sizes = sizes

    def __iter__(self) -> Iterator[bytes]:
        for size in self._sizes:
            self.made += 1
            yield bytes([self.made % 256]) * size


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(0, 200))
@settings(max_examples=50)
def test_items_come_in_order_whatever_the_budget(sizes, budget):
    ahead = Prefetcher(iter(Producer(sizes)), len, budget)
    got = list(ahead)
    ahead.stop()
    assert got == list(Producer(sizes))
    assert ahead.pop() is None and ahead.peek() is None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=25), st.integers(0, 120))
@settings(max_examples=25)
def test_what_waits_never_costs_more_than_the_budget_but_for_one_item(sizes, budget):
    made, worst = [], 0

    def items() -> Iterator[bytes]:
        for size in sizes:
            made.append(size)
            yield bytes(size)

    ahead = Prefetcher(items(), len, budget)
    for taken in range(len(sizes)):
        time.sleep(0.0005)  # let it run ahead
        waiting = made[taken:-1]  # the item made last may still be in the producer's hands
        worst = max(worst, sum(waiting) if len(waiting) > 1 else 0)
        ahead.pop()
    ahead.stop()
    assert worst <= budget


@pytest.mark.parametrize(("budget", "waiting"), [(0, 1), (9, 1), (10, 1), (35, 3), (40, 4)])
def test_it_runs_ahead_as_far_as_the_budget_goes(budget, waiting):
    producer = Producer([10] * 100)
    ahead = Prefetcher(iter(producer), len, budget)
    # those that wait, and one in the producer's hands
    assert until(lambda: producer.made == waiting + 1)
    time.sleep(0.02)
    assert producer.made == waiting + 1
    ahead.pop()
    assert until(lambda: producer.made == waiting + 2)
    time.sleep(0.02)
    assert producer.made == waiting + 2
    ahead.stop()


def test_it_works_while_the_reader_does_something_else():
    producer = Producer([1] * 5)
    ahead = Prefetcher(iter(producer), len, 1000)
    assert until(lambda: producer.made == 5)
    ahead.stop()
    assert len(list(ahead)) == 5  # what was made is not lost


def test_peek_leaves_the_item_where_it_is():
    ahead = Prefetcher(iter(Producer([1, 2])), len, 100)
    assert ahead.peek() == ahead.peek() == ahead.pop() == b"\x01"
    assert ahead.pop() == b"\x02\x02"
    assert ahead.peek() is None
    ahead.stop()


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("error", [ValueError("no more"), KeyboardInterrupt(), MemoryError()])
def test_an_error_comes_after_the_items_before_it(after, error):
    def items() -> Iterator[bytes]:
        yield from [ITEM] * after
        raise error

    ahead = Prefetcher(items(), len, 1000)
    for _ in range(after):
        assert ahead.pop() == ITEM
    for ask in (ahead.peek, ahead.pop, ahead.peek):  # and does not go away
        with pytest.raises(type(error)) as caught:
            ask()
        assert caught.value is error
    ahead.stop()


def test_an_error_in_the_cost_is_not_lost():
    ahead = Prefetcher(iter([ITEM]), lambda item: 1 // 0, 10)
    with pytest.raises(ZeroDivisionError):
        ahead.pop()
    ahead.stop()


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_stop_ends_the_thread_while_it_waits_for_room(taken):
    producer = Producer([10] * 1000)
    ahead = Prefetcher(iter(producer), len, 20)
    for _ in range(taken):
        ahead.pop()
    assert until(lambda: producer.made == taken + 3)
    start = time.monotonic()
    ahead.stop()
    assert time.monotonic() - start < 1
    assert threads() == []
    assert producer.made == taken + 3


def test_stop_waits_for_the_item_in_work_and_takes_no_further():
    started, go_on = threading.Event(), threading.Event()
    made = []

    def items() -> Iterator[bytes]:
        for i in range(100):
            started.set()
            go_on.wait(5)
            made.append(i)
            yield ITEM

    ahead = Prefetcher(items(), len, 10_000)
    assert started.wait(5)
    threading.Timer(0.02, go_on.set).start()
    ahead.stop()
    assert made == [0]


def test_what_the_items_hold_is_let_go_by_the_thread_itself():
    closed_on = []

    def items() -> Iterator[bytes]:
        try:
            while True:
                yield ITEM
        finally:
            closed_on.append(threading.current_thread().name)

    ahead = Prefetcher(items(), len, 20)
    ahead.pop()
    ahead.stop()
    assert closed_on == ["imgsync-prefetch"]


def test_stop_twice_and_after_the_end():
    ahead = Prefetcher(iter([ITEM]), len, 10)
    assert list(ahead) == [ITEM]
    ahead.stop()
    ahead.stop()


def test_a_waiting_reader_is_woken_by_an_item_and_by_the_end():
    go_on = threading.Semaphore(0)

    def items() -> Iterator[bytes]:
        go_on.acquire()
        yield ITEM
        go_on.acquire()

    ahead = Prefetcher(items(), len, 10)
    got = []
    reader = threading.Thread(target=lambda: got.extend(ahead))
    reader.start()
    time.sleep(0.01)
    assert got == []
    go_on.release()
    assert until(lambda: got == [ITEM])
    assert reader.is_alive()
    go_on.release()
    reader.join(5)
    assert not reader.is_alive()
    ahead.stop()


def test_nothing_to_do_ends_at_once():
    ahead = Prefetcher(iter(()), len, 10)
    assert ahead.pop() is None and list(ahead) == []
    ahead.stop()
