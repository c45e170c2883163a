"""The requests that wait, in the order in which they are to run. No threads and no clock here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from headrace.serving.batching.requests import PRIORITIES, QueuedRequest


class Group:
    """Waiting requests that may share a batch: of one signature and one kind."""

    __slots__ = ("_lanes", "alone", "key", "rows", "signature")

    def __init__(self, signature: str, key: Hashable, alone: bool) -> None:
        self.signature = signature
        self.key = key
        self.alone = alone
        self.rows = 0
        self._lanes: dict[int, deque[QueuedRequest]] = {}
        """By priority; none is empty."""

    def push(self, request: QueuedRequest) -> None:
        """Adds a request."""
        lane = self._lanes.get(request.priority)
        if lane is None:
            lane = self._lanes[request.priority] = deque()
        lane.append(request)
        self.rows += request.rows

    @property
    def oldest(self) -> float:
        """When the request that waits longest was queued."""
        return min([lane[0].queued_at for lane in self._lanes.values()])

    @property
    def order(self) -> tuple[int, int]:
        """Groups run in rising order: by the priority of their most urgent request, then by which came first."""
        priority = min(self._lanes)
        return priority, self._lanes[priority][0].number

    def take(self, limit: int) -> list[QueuedRequest]:
        """Takes out the next requests, as many as come to at most `limit` rows; at least one."""
        taken: list[QueuedRequest] = []
        rows = 0
        for priority in sorted(self._lanes):
            lane = self._lanes[priority]
            while lane and (not taken or rows + lane[0].rows <= limit):
                request = lane.popleft()
                rows += request.rows
                taken.append(request)
            if lane:
                break
            del self._lanes[priority]
        self.rows -= rows
        return taken

    def __bool__(self) -> bool:
        return bool(self._lanes)


class RequestQueue:
    """All waiting requests of one version.

    Args:
        capacity: the rows of each signature that may wait.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._groups: dict[Hashable, Group] = {}
        self._rows: dict[str, int] = {}
        self._count = 0

    def rows(self, signature: str) -> int:
        """The rows of a signature that wait."""
        return self._rows.get(signature, 0)

    def fits(self, signature: str, rows: int) -> bool:
        """True when there is room for a request of so many rows. An empty queue takes one of any size."""
        waiting = self.rows(signature)
        return not waiting or waiting + rows <= self.capacity

    def push(self, request: QueuedRequest) -> Group:
        """Adds a request to those that it may share a batch with."""
        self._count += 1
        key = (request.signature, self._count if request.kind is None else request.kind, request.kind is None)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(request.signature, key, request.kind is None)
        request.number = self._count
        group.push(request)
        self._rows[request.signature] = self.rows(request.signature) + request.rows
        return group

    def next_group(self, ready_at: Callable[[Group], float], now: float) -> tuple[Group | None, float]:
        """The first group that may run at `now`, or None and the time at which one may (infinity when none waits)."""
        first, when = None, float("inf")
        for group in self._groups.values():
            ready = ready_at(group)
            if ready > now:
                when = min(when, ready)
            elif first is None or group.order < first.order:
                first = group
        return first, when

    def take(self, group: Group, limit: int) -> list[QueuedRequest]:
        """Takes the next requests out of a group; see Group.take."""
        rows = group.rows
        taken = group.take(limit)
        self._rows[group.signature] -= rows - group.rows
        if not group:
            del self._groups[group.key]
        return taken

    def __bool__(self) -> bool:
        return bool(self._groups)
