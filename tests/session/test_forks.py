"""A process that forks while it asks: the child has neither the thread that leads nor the one that holds the lock."""

import multiprocessing
import os
import threading
from multiprocessing.connection import Connection

from partnerauth.oauth.sources import AppOnly
from partnerauth.session import Session
from tests.session.service import PARTNER_CENTER, SECONDS, SignIn, token_of


def ask_from_a_fork(session: Session, service: SignIn, app: AppOnly, answer: Connection) -> None:
    service.open.set()
    answer.send(token_of(session.token(app, PARTNER_CENTER)))
    os._exit(0)


def test_a_fork_in_the_middle_of_a_flight(session: Session, service: SignIn, app: AppOnly) -> None:
    service.open.clear()
    leader = threading.Thread(target=lambda: session.token(app, PARTNER_CENTER))
    leader.start()
    service.wait(1)
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=ask_from_a_fork, args=(session, service, app, theirs))

    with session._lock:  # as another thread of the parent may
        child.start()
    answered = ours.poll(5)
    child.kill()
    child.join()
    service.open.set()
    leader.join(SECONDS)

    assert answered, "the child waits for a thread that it does not have"
    assert ours.recv() == "token 2"
    assert token_of(session.token(app, PARTNER_CENTER)) == "token 1"
