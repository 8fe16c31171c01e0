"""A rendezvous does not wait for a store that is silent."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from torch.distributed import HashStore, Store
from torch.distributed.elastic.rendezvous import RendezvousConnectionError, RendezvousParameters
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import RendezvousBackend, Token

from workload.distributed import rendezvous
from workload.distributed.launch import Launch
from workload.distributed.rendezvous import LimitedBackend, make_handler


class FakeBackend(RendezvousBackend):
    """A store that answers, unless `answers` is cleared."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    @property
    def name(self) -> str:
        return "fake"

    def get_state(self) -> tuple[bytes, Token] | None:
        self.asked += 1
        self.answers.wait(60)
        return b"state", 1

    def set_state(
        self, state: bytes, token: Token | None = None
    ) -> tuple[bytes, Token, bool] | None:
        self.asked += 1
        if token is None:
            raise RendezvousConnectionError("refused")
        return state, token, True


@pytest.fixture
def store() -> Iterator[FakeBackend]:
    """A store that answers, at the latest when the test is over."""
    store = FakeBackend()
    yield store
    store.answers.set()


@pytest.fixture(autouse=True)
def no_thread_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for the threads left behind: after the test they would call the real torch.

    `monkeypatch` is a parameter so that it ends after them.
    """
    del monkeypatch
    yield
    for thread in threading.enumerate():
        if thread.name == "rendezvous":
            thread.join(timeout=60)
            assert not thread.is_alive()


def test_an_answer_is_passed_on(store: FakeBackend) -> None:
    limited = LimitedBackend(store, limit_sec=60)
    assert limited.get_state() == (b"state", 1)
    assert limited.set_state(b"new", 2) == (b"new", 2, True)
    assert limited.name == "fake"


def test_a_silent_store_is_an_error(store: FakeBackend) -> None:
    store.answers.clear()
    with pytest.raises(RendezvousConnectionError, match=r"^no answer within 0\.05 s$"):
        LimitedBackend(store, limit_sec=0.05).get_state()


def test_a_store_that_was_silent_is_not_asked_again(store: FakeBackend) -> None:
    store.answers.clear()
    limited = LimitedBackend(store, limit_sec=0.05)
    with pytest.raises(RendezvousConnectionError):
        limited.get_state()
    with pytest.raises(RendezvousConnectionError, match="did not answer an earlier call"):
        limited.set_state(b"new", 2)
    assert store.asked == 1


def test_an_error_of_the_store_is_raised_where_it_was_asked(store: FakeBackend) -> None:
    with pytest.raises(RendezvousConnectionError, match="refused"):
        LimitedBackend(store, limit_sec=60).set_state(b"new")


@dataclass
class FakeConnections:
    """Refused this often, then to a store."""

    refused: int
    tried: int = 0

    def connect(self, _parameters: RendezvousParameters) -> tuple[RendezvousBackend, Store]:
        self.tried += 1
        if self.tried > self.refused:
            return FakeBackend(), HashStore()
        raise RendezvousConnectionError("refused") from TimeoutError("after 5000ms")


def two_nodes(join_timeout_sec: float) -> RendezvousParameters:
    return Launch(
        1, nodes=2, rendezvous="node-0:29500", join_timeout_sec=join_timeout_sec
    ).parameters


def test_a_node_tries_to_connect_until_the_store_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections = FakeConnections(refused=2)
    monkeypatch.setattr(rendezvous, "create_backend", connections.connect)
    make_handler(two_nodes(join_timeout_sec=60), limit_sec=60)
    assert connections.tried == 3


def test_a_node_waits_for_the_first_connection_as_long_as_for_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rendezvous, "create_backend", FakeConnections(refused=10**6).connect)
    with pytest.raises(RendezvousConnectionError, match=r"^no connection within 1 s$"):
        make_handler(two_nodes(join_timeout_sec=0.5), limit_sec=60)


def test_a_store_that_accepts_a_connection_and_is_silent_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(rendezvous, "create_backend", lambda _parameters: answered.wait(60))
    with pytest.raises(RendezvousConnectionError, match=r"^no connection within 1 s$"):
        make_handler(two_nodes(join_timeout_sec=1), limit_sec=60)
    answered.set()
