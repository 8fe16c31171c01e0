"""Start the ranks of this node with torch.distributed's own launcher, as torchrun does.

Each rank runs the same command and reads its rank from its environment. Every wait has a limit: if
a node is lost, the ranks on all other nodes end within a minute. This module limits the waits for
the rendezvous and its store; `group` limits the waits for the process group.
"""

import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from torch.distributed.elastic.agent.server.api import RunResult, WorkerGroup, WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import (
    DefaultLogsSpecs,
    SignalException,
    SubprocessContext,
)
from torch.distributed.elastic.rendezvous import RendezvousParameters, RendezvousTimeoutError

from workload.core.errors import FIX_OF_LIMIT, ExitCode, UnfitError, first_line
from workload.distributed.attempts import ATTEMPT_SEC
from workload.distributed.failures import LAUNCHED, first_cause, read_failure
from workload.distributed.limits import JOIN_AGAIN_SEC, JOIN_SEC
from workload.distributed.rendezvous import make_handler

STORE_SEC = 20  # how long to wait for an answer from the store
# The time limit for ranks to end after a signal. They take less than a second.
SHUTDOWN_SEC = 5
MONITOR_SEC = 0.1


@dataclass(frozen=True)
class Launch:
    """What to start: `ranks` ranks on each of `nodes` nodes.

    The nodes meet at `rendezvous`, host:port.
    """

    ranks: int
    nodes: int = 1
    rendezvous: str | None = None
    max_restarts: int = 0
    join_timeout_sec: float | None = None

    @property
    def join_sec(self) -> int:
        """Return how long nodes wait for each other, both at the start and after a restart."""
        if self.join_timeout_sec:
            return ceil(self.join_timeout_sec)
        return JOIN_AGAIN_SEC if self.max_restarts else JOIN_SEC

    @property
    def parameters(self) -> RendezvousParameters:
        """The parameters of the rendezvous; without an address, it uses a free local port."""
        return RendezvousParameters(
            backend="c10d",
            endpoint=self.rendezvous or "127.0.0.1:0",
            # Launchers that meet at one address belong to one job.
            run_id=f"workload-{self.rendezvous}" if self.rendezvous else uuid.uuid4().hex,
            min_nodes=self.nodes,
            max_nodes=self.nodes,
            # If only this machine takes part, its name need not be resolved.
            local_addr=None if self.rendezvous else "127.0.0.1",
            join_timeout=self.join_sec,
            last_call_timeout=1,
            close_timeout=STORE_SEC,
            heartbeat_timeout=STORE_SEC,
            read_timeout=ATTEMPT_SEC,
        )


class Agent(LocalElasticAgent):
    """A local agent that gives ranks SHUTDOWN_SEC to end, and records the ranks that it ended.

    Without this class, torch 2.13 gives the other ranks 30 s to end after a rank has failed
    (SubprocessContext._poll).
    """

    stopped: frozenset[int] = frozenset()  # ranks that ran until the agent ended them
    hung: frozenset[int] = frozenset()  # the stopped ranks that only SIGKILL ended

    def _start_workers(self, worker_group: WorkerGroup) -> dict[int, Any]:
        # Ranks inherit the blocked SIGINT and unblock it when they handle it. Otherwise, Python
        # would print an error of its own after Ctrl-C during its start.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            started: dict[int, Any] = super()._start_workers(worker_group)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        context = self._pcontext
        assert isinstance(context, SubprocessContext)  # noqa: S101  the entry point is a program
        processes = {
            worker.global_rank: context.subprocess_handlers[worker.local_rank].proc
            for worker in worker_group.workers
        }
        close = context.close
        self.stopped = self.hung = frozenset()

        def close_soon(death_sig: signal.Signals | None = None, timeout: int = 0) -> None:  # noqa: ARG001
            running = [rank for rank, process in processes.items() if process.poll() is None]
            close(death_sig, SHUTDOWN_SEC)
            self.stopped |= set(running)
            self.hung |= {rank for rank in running if processes[rank].poll() == -signal.SIGKILL}

        context.close = close_soon  # type: ignore[method-assign]  # torch has no option for it
        return started


def launch(arguments: Sequence[str], plan: Launch) -> ExitCode:
    """Run Python with `arguments` once for each rank of this node; wait until all have ended.

    Returns OK, or the exit code for the signal that ended the launcher. Raises RankError with the
    error line of the rank that failed first, or UnfitError if the nodes do not meet. Call it in the
    main thread.
    """
    logging.disable(logging.CRITICAL)  # silences the agent's messages and tracebacks
    os.environ[LAUNCHED] = "1"
    if plan.rendezvous is None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    else:
        # Only the count of restarts separates attempts in a shared store, and the agents of
        # several nodes may count restarts differently.
        os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    try:
        with tempfile.TemporaryDirectory(prefix="workload-ranks-") as folder:
            result, agent = _run_agent(arguments, plan, folder)
    except SignalException as ended:
        # SIGHUP and SIGQUIT also give TERMINATED, as in a single process.
        return ExitCode.INTERRUPTED if ended.sigval is signal.SIGINT else ExitCode.TERMINATED
    except OSError as error:
        fix = FIX_OF_LIMIT.get(error.errno or 0, "check TMPDIR and its free space")
        reason = error.strerror or first_line(error)
        raise UnfitError(f"the ranks could not be started ({reason}): {fix}") from None
    except Exception as error:  # the rendezvous can raise any type
        if plan.rendezvous is None:
            raise UnfitError(
                f"the ranks could not be started ({_reason(error)}): check that this machine "
                "has the address 127.0.0.1, and allow more open files (ulimit -n 1024)"
            ) from None
        raise UnfitError(
            f"the {plan.nodes} nodes could not connect through {plan.rendezvous}, or the "
            f"connection was lost ({_reason(error)}): start all nodes within {plan.join_sec} s "
            "(--join-timeout), see the output of each, and check that it can reach the others"
        ) from None
    if result.is_failed():
        failures = [
            read_failure(
                rank,
                failure.exitcode,
                failure.message,
                stopped=rank in agent.stopped,
                hung=rank in agent.hung,
            )
            for rank, failure in result.failures.items()
        ]
        raise first_cause(failures).error()
    return ExitCode.OK


def _reason(error: Exception) -> str:
    """Return why the rendezvous failed; some exceptions have the reason in `__cause__`."""
    if isinstance(error, RendezvousTimeoutError):
        return "not all of them joined in time"
    return first_line(error.__cause__ or error).partition(". ")[0].rstrip(".")


def _run_agent(arguments: Sequence[str], plan: Launch, folder: str) -> tuple[RunResult, Agent]:
    """Run the agent; return how the ranks ended, and the agent, which lists the ranks it ended."""
    handler = make_handler(plan.parameters, STORE_SEC)
    spec = WorkerSpec(
        role="workload",
        local_world_size=plan.ranks,
        entrypoint=sys.executable,
        args=tuple(arguments),
        rdzv_handler=handler,
        max_restarts=plan.max_restarts,
        monitor_interval=MONITOR_SEC,
    )
    agent = Agent(
        spec,
        DefaultLogsSpecs(log_dir=folder),
        exit_barrier_timeout=STORE_SEC,
        shutdown_timeout=SHUTDOWN_SEC,
    )
    try:
        result: RunResult = agent.run()
    finally:
        handler.shutdown()
    return result, agent
