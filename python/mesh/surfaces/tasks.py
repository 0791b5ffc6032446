"""The tasks of one skill that clients may still ask about."""

from __future__ import annotations

import time
from collections import OrderedDict

from mesh.surfaces.task import Task

# Seconds that a task is remembered once it is over.
REMEMBERED = 300.0
# How many tasks are kept at most; the oldest give way, though what they started goes on.
MOST = 10_000


class Tasks:
    """By their id, oldest first."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """Keeps a task, and forgets what is to be forgotten."""
        self._tasks.pop(task.task_id, None)
        self._tasks[task.task_id] = task
        # Whatever stands before one that is still wanted is older, and looked at next time.
        while self._tasks and (len(self._tasks) > MOST or self._is_forgotten(self._oldest())):
            self._tasks.popitem(last=False)

    def get(self, task_id: str) -> Task | None:
        """The task, if it is remembered."""
        task = self._tasks.get(task_id)
        return None if task is None or self._is_forgotten(task) else task

    def _oldest(self) -> Task:
        return next(iter(self._tasks.values()))

    @staticmethod
    def _is_forgotten(task: Task) -> bool:
        return task.ended_at is not None and time.monotonic() - task.ended_at > REMEMBERED
