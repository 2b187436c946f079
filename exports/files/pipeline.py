"""One step of work in a thread of its own, so that two cores do what one would."""

from collections.abc import Generator, Iterator
from queue import Queue
from threading import Thread
from typing import Final, TypeVar

_T = TypeVar("_T")
_AHEAD: Final = 2
_JOIN_SECONDS: Final = 0.01


def ahead(items: Iterator[_T]) -> Generator[_T, None, None]:
    """The same items, made by a thread that is at most two ahead: inflating needs a core, not the interpreter.

    What `items` raises is raised here, in its place. Close the iterator when leaving it early: that ends the
    thread before it returns.
    """
    queue: Queue[_T | _Fault | None] = Queue(_AHEAD)
    abandoned = False

    def make() -> None:
        try:
            for item in items:
                if abandoned:
                    return
                queue.put(item)
        except BaseException as fault:  # noqa: BLE001 - raised again where the items are used
            queue.put(_Fault(fault))
        else:
            queue.put(None)

    maker = Thread(target=make, name="ahead", daemon=True)
    maker.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, _Fault):
                raise item.fault
            yield item
    finally:
        abandoned = True
        while maker.is_alive():
            while not queue.empty():
                queue.get_nowait()
            maker.join(_JOIN_SECONDS)


class _Fault:
    def __init__(self, fault: BaseException) -> None:
        self.fault = fault
