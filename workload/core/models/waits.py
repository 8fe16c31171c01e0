"""What kept the threads of this process from running while an operation was timed."""

from dataclasses import dataclass

from workload.core.models.model import Amount, Count, Model, Seconds

# A cause that took a smaller share of the window is not reported.
MIN_SHARE = 0.05
# Even on an idle machine, a thread that wakes up waits some microseconds for a CPU. Threads waited
# for other work if their mean wait exceeds WAKE_UP_SEC, or if the CPU time of other processes
# exceeds FOREIGN_SHARE of the window.
WAKE_UP_SEC = 1e-4
FOREIGN_SHARE = 0.1
# The kernel counts the time of a whole CPU in ticks of up to 10 ms.
TICKS_SEC = 0.03


class Waits(Model, frozen=True):
    """What kept the threads waiting in a window of time. Unknown values are None.

    Times are sums over the threads, or over the CPUs that this process may use, so they can exceed
    the window. `longest_delay_sec` is the longest run delay of one thread, and `longest_steal_sec`
    is the longest stolen time of one CPU. `threads` is the number of threads that ran or waited for
    at least a tenth of the window. Threads that ended within the window are not counted.
    """

    window_sec: Seconds
    run_delay_sec: Amount | None = None  # time in which threads were ready to run but had no CPU
    waits: Count | None = None  # how often threads got a CPU
    foreign_sec: Amount | None = None  # CPU time of other processes
    steal_sec: Amount | None = None  # CPU time that the hypervisor gave to others
    throttled_sec: Amount | None = None  # time in which the CPU quota stopped threads
    pressure_sec: Amount | None = None  # time in which any task of the group or machine waited
    threads: Count | None = None
    cpus: Count | None = None  # that this process may use
    longest_delay_sec: Amount | None = None
    longest_steal_sec: Amount | None = None

    @property
    def reason(self) -> str | None:
        """What kept the threads waiting, and for what share of their time; None if nothing did."""
        return str(self._main) if self._main else None

    @property
    def main_cause(self) -> tuple[float, str] | None:
        """The main cause: its longest wait as a share of the window, and its description."""
        return (min(self._main.longest, 1.0), self._main.words) if self._main else None

    @property
    def _main(self) -> "_Cause | None":
        causes = [one for one in self._causes if one.longest >= MIN_SHARE]
        return max(causes, key=lambda one: one.longest) if causes else None

    @property
    def share(self) -> float:
        """The maximum share of the window by which waits may have delayed the work.

        A single waiting thread can delay the work of all threads.
        """
        return min(1.0, sum(one.most for one in self._causes))

    @property
    def longest_share(self) -> float:
        """The share of the window by which the thread that waited longest was delayed."""
        return min(1.0, sum(one.longest for one in self._causes))

    @property
    def _causes(self) -> tuple["_Cause", ...]:
        stopped = min(filter(None, (self.threads, self.cpus)), default=1)  # all are stopped at once
        quota = self._share(self.throttled_sec)
        return (
            _Cause("the CPU quota: threads were stopped", quota, stopped, quota / stopped),
            self._cause(
                "the hypervisor: CPUs were taken away",
                self._stolen_sec,
                self.cpus,
                self.longest_steal_sec,
            ),
            self._cause(
                "other processes: threads waited",
                self._delayed_sec,
                self.threads,
                self.longest_delay_sec,
            ),
        )

    def _cause(
        self, words: str, seconds: float | None, parts: int | None, longest_sec: float | None
    ) -> "_Cause":
        most = self._share(seconds)
        longest = most if longest_sec is None else min(most, self._share(longest_sec))
        return _Cause(words, most, max(1, parts or 1), longest)

    @property
    def _stolen_sec(self) -> float | None:
        return self.steal_sec if (self.steal_sec or 0.0) > TICKS_SEC else None

    @property
    def _delayed_sec(self) -> float | None:
        """The run delay that other work caused, or `pressure_sec` if the run delay is unknown.

        The kernel also counts the time in which the quota stopped a thread as run delay.
        """
        if self.run_delay_sec is None:
            return self.pressure_sec if self._is_shared else None
        delay_sec = max(0.0, self.run_delay_sec - (self.throttled_sec or 0.0))
        long = delay_sec > (self.waits or 0) * WAKE_UP_SEC
        return delay_sec if long or self._is_shared else None

    @property
    def _is_shared(self) -> bool:
        return (self.foreign_sec or 0.0) > FOREIGN_SHARE * self.window_sec + TICKS_SEC

    def _share(self, seconds: float | None) -> float:
        return seconds / self.window_sec if seconds and self.window_sec else 0.0


@dataclass(frozen=True)
class _Cause:
    """A cause that kept threads waiting.

    `most` is the cause's share of the window, summed over `parts`. `longest` is the largest share
    of a single part.
    """

    words: str
    most: float
    parts: int  # threads or CPUs
    longest: float

    def __str__(self) -> str:
        """Return the description of the cause, with its mean share per part."""
        mean = min(1.0, self.most / self.parts)
        one = f", one of them {self.longest:.0%}" if 1 >= self.longest > 2 * mean else ""
        return f"{self.words} {mean:.0%} of the time{one}"
