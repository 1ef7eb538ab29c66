"""Work spread over processes that were forked: they have what their parent has, and nothing of it is copied or parsed anew."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `work` gives for each item, in their order; `work` deals with its own exceptions."""
    context = multiprocessing.get_context("fork")
    waiting, done = context.Queue(), context.Queue()

    def serve() -> None:
        while (at := waiting.get()) is not None:
            done.put((at, work(items[at])))

    processes = [
        context.Process(target=serve, daemon=True) for _ in range(min(os.cpu_count() or 1, len(items), 4))
    ]
    for at in [*range(len(items)), *[None] * len(processes)]:
        waiting.put(at)
    for process in processes:
        process.start()
    found: dict[int, Result] = {}
    while len(found) < len(items):
        try:
            at, result = done.get(timeout=1)
            found[at] = result
        except queue.Empty:
            if any(process.exitcode for process in processes):
                raise RuntimeError("a process that checks scenarios has ended early") from None
    for process in processes:
        process.join()
    return [found[at] for at in range(len(items))]
