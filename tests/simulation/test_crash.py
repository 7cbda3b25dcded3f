"""Crashes at any moment, with whatever the disk had by then: nothing that was promised is lost, nothing comes back."""

from __future__ import annotations

import os

import pytest

from .clients import Clients
from .special import SpecialClients

LIVES = 2
SEEDS = 10_000 if os.environ.get("LEVERET_LONG") else 500
FOUND = {
    10401: "a binding from an exchange that is newer than the checkpoint to a queue that it had not told of yet",
    16133: "the same",
}
"""Seeds that found something, with three lives."""


def live_and_crash(seed: int, lives: int = LIVES, kind: type[Clients] = Clients) -> int:
    """Images that were looked at."""
    clients = kind(seed)
    looked = 0
    for _ in range(lives):
        clients.act(clients.random.choice([20, 60, 150]))
        clients.recover(clients.crash())
        looked += 1
    return looked


@pytest.mark.parametrize("first", range(0, SEEDS, 50))
def test_what_was_promised_survives_crashes(first: int) -> None:
    for seed in range(first, first + 50):
        try:
            live_and_crash(seed)
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("first", range(0, SEEDS // 2, 25))
def test_what_leaves_by_itself_is_in_one_place(first: int) -> None:
    for seed in range(first, first + 25):
        try:
            live_and_crash(seed, kind=SpecialClients)
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_stays_mended(seed: int) -> None:
    live_and_crash(seed, 3)
