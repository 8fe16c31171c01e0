"""The rendezvous of the launchers of several nodes, with a time limit on each call.

torch's store limits the wait for a key that does not exist yet, but not the wait for an answer
(torch 2.13, TCPStore.get). If the node that has the store is lost, a launcher waits until the
kernel gives up the connection, which takes a quarter of an hour.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import timedelta
from typing import TypeVar

from torch.distributed import Store
from torch.distributed.elastic.rendezvous import (
    RendezvousConnectionError,
    RendezvousHandler,
    RendezvousParameters,
)
from torch.distributed.elastic.rendezvous.c10d_rendezvous_backend import create_backend
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import (
    RendezvousBackend,
    Token,
    create_handler,
)

from workload.distributed.attempts import connect_within

Answer = TypeVar("Answer")


def make_handler(parameters: RendezvousParameters, limit_sec: float) -> RendezvousHandler:
    """Return a rendezvous handler that waits at most `limit_sec` for an answer from the store.

    Raises RendezvousConnectionError if the store does not answer; the handler raises it too.
    """
    join_sec = parameters.get_as_int("join_timeout") or 0
    backend, store = _connect(parameters, join_sec)
    store.set_timeout(timedelta(seconds=join_sec))
    return create_handler(store, LimitedBackend(backend, limit_sec), parameters)


def _connect(parameters: RendezvousParameters, join_sec: float) -> tuple[RendezvousBackend, Store]:
    """Connect to the store, or start it if it belongs on this node; retry until the limit.

    An attempt that takes longer, for example because a name does not resolve, is abandoned.
    """

    def connect() -> tuple[RendezvousBackend, Store]:
        return create_backend(parameters)

    try:
        return within(
            join_sec, lambda: connect_within(join_sec, connect, RendezvousConnectionError)
        )
    except RendezvousConnectionError:
        raise RendezvousConnectionError(f"no connection within {join_sec:g} s") from None


class LimitedBackend(RendezvousBackend):
    """A backend for the state that the nodes share, with a time limit on each call.

    After a call has exceeded the limit, all later calls fail at once.
    """

    def __init__(self, backend: RendezvousBackend, limit_sec: float) -> None:
        """Wrap `backend`."""
        self._backend = backend
        self._limit_sec = limit_sec
        self._silent = False

    @property
    def name(self) -> str:
        """Return the name of the backend."""
        return str(self._backend.name)

    def get_state(self) -> tuple[bytes, Token] | None:
        """Return the state and its version, or None if there is none yet."""
        return self._ask(self._backend.get_state)

    def set_state(
        self, state: bytes, token: Token | None = None
    ) -> tuple[bytes, Token, bool] | None:
        """Replace the state if its version is `token`.

        Return the current state, its version, and whether it is the new state.
        """
        return self._ask(lambda: self._backend.set_state(state, token))

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        if self._silent:
            raise RendezvousConnectionError("the store did not answer an earlier call")
        try:
            return within(self._limit_sec, question)
        except RendezvousConnectionError:
            self._silent = True
            raise


def within(limit_sec: float, question: Callable[[], Answer]) -> Answer:
    """Call `question` in a thread; return its result, or raise the error that it raises.

    Raises RendezvousConnectionError after the limit. The thread is then abandoned; it does not keep
    the process from ending.
    """
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except Exception as error:  # raised again in the caller's thread
            answer.set_exception(error)

    threading.Thread(target=ask, name="rendezvous", daemon=True).start()
    wait((answer,), limit_sec)
    if not answer.done():
        raise RendezvousConnectionError(f"no answer within {limit_sec:g} s")
    return answer.result()
