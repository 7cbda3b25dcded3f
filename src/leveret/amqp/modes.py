"""confirm.select and tx.*: how a channel's publishing is answered for (spec 1.9; RabbitMQ "Publisher confirms")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PreconditionFailed
from ..wire.methods import (
    ConfirmSelect,
    ConfirmSelectOk,
    TxCommit,
    TxCommitOk,
    TxRollback,
    TxRollbackOk,
    TxSelect,
    TxSelectOk,
)

if TYPE_CHECKING:
    from .channel import Channel, Reply
    from .publishing import Transaction


def confirm_select(channel: Channel, method: ConfirmSelect) -> Reply:
    """confirm.select; a second one changes nothing."""
    channel.publishing.confirm(channel.connection.log)
    return None if method.no_wait else ConfirmSelectOk()


def tx_select(channel: Channel, method: TxSelect) -> Reply:
    """tx.select; a second one changes nothing."""
    channel.publishing.transact()
    return TxSelectOk()


def tx_commit(channel: Channel, method: TxCommit) -> Reply:
    """tx.commit: what was published and settled since becomes one record of the log."""
    transaction = _transaction(channel)
    shared = channel.connection
    for batch in transaction.batches:
        shared.vhost.check_publish(batch)  # an exchange may be gone: then nothing has happened yet
    try:
        position = shared.vhost.transact(transaction.batches, transaction.settlements, channel.publishing)
    except PreconditionFailed:
        channel.deliveries.ledger.commit()  # done but for what full queues refused: what was settled must not go back
        raise
    channel.deliveries.ledger.commit()
    transaction.clear()
    if position is not None:
        shared.throttle.follow(shared.log)
    if shared.pager.lagging:
        shared.throttle.follow(shared.pager)
    return channel.once_durable(position, TxCommitOk())


def tx_rollback(channel: Channel, method: TxRollback) -> Reply:
    """tx.rollback: nothing was published, and what was settled is outstanding again."""
    transaction = _transaction(channel)
    channel.deliveries.ledger.rollback()
    transaction.clear()
    return TxRollbackOk()


def _transaction(channel: Channel) -> Transaction:
    transaction = channel.publishing.transaction
    if transaction is None:
        raise PreconditionFailed("channel is not transactional")
    return transaction
