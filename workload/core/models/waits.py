"""What kept the threads of this process from running while something was timed."""

from workload.core.models.model import Amount, Count, Model, Seconds

# A cause that took a smaller share of the window is not reported.
TOLD_SHARE = 0.05
# A thread that was asleep waits some microseconds for a free CPU, on an idle machine too. Either of
# these shows that it waited for other work: a longer mean wait, or the CPU time of that work.
WAKE_UP_SEC = 1e-4
FOREIGN_SHARE = 0.1
# The kernel counts the time of a whole CPU in ticks of up to 10 ms.
TICKS_SEC = 0.03


class Waits(Model, frozen=True):
    """What kept the threads waiting in a window. Unknown is None.

    Times are sums, over the threads or over the CPUs that this process may use, so they can
    exceed the window. Threads that ended within it are not counted.
    """

    window_sec: Seconds
    run_delay_sec: Amount | None = None  # threads that could run and had no CPU
    waits: Count | None = None  # how often threads got a CPU
    foreign_sec: Amount | None = None  # CPU time of other processes
    steal_sec: Amount | None = None  # CPU time that the hypervisor gave to others
    throttled_sec: Amount | None = None  # by the CPU quota of the control groups
    pressure_sec: Amount | None = None  # when some task of the control group or machine waited

    @property
    def reason(self) -> str | None:
        """Who kept the threads waiting, and for what share of the window; None if none did."""
        told = [(share, cause) for cause, share in self._causes.items() if share >= TOLD_SHARE]
        if not told:
            return None
        share, cause = max(told)
        return f"{cause} {min(share, 1):.0%} of the time"

    @property
    def share(self) -> float:
        """The share of the window by which they delayed the work at most: one thread suffices."""
        return min(1.0, sum(self._causes.values()))

    @property
    def _causes(self) -> dict[str, float]:
        return {
            "CPU quota: threads were stopped": self._share(self.throttled_sec),
            "hypervisor: CPUs were taken away": self._share(self._stolen_sec),
            "other processes: threads waited": self._share(self._delayed_sec),
        }

    @property
    def _stolen_sec(self) -> float | None:
        return self.steal_sec if (self.steal_sec or 0.0) > TICKS_SEC else None

    @property
    def _delayed_sec(self) -> float | None:
        """The run delay, where other work caused it; without it, the pressure.

        Kernels count the time of a thread that the quota stopped as run delay too.
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
