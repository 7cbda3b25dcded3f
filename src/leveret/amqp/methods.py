"""Which function serves which method on an open channel. One table, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..wire.methods import (
    AccessRequest,
    BasicCancel,
    BasicConsume,
    BasicGet,
    BasicQos,
    BasicRecover,
    BasicRecoverAsync,
    ChannelFlow,
    ConfirmSelect,
    ExchangeBind,
    ExchangeDeclare,
    ExchangeDelete,
    ExchangeUnbind,
    QueueBind,
    QueueDeclare,
    QueueDelete,
    QueuePurge,
    QueueUnbind,
    TxCommit,
    TxRollback,
    TxSelect,
)
from . import consuming, declaring, modes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel, Reply

HANDLERS: Final[dict[int, Callable[[Channel, Any], Reply]]] = {
    AccessRequest.id: declaring.access_request,
    ExchangeDeclare.id: declaring.exchange_declare,
    ExchangeDelete.id: declaring.exchange_delete,
    ExchangeBind.id: declaring.exchange_bind,
    ExchangeUnbind.id: declaring.exchange_unbind,
    QueueDeclare.id: declaring.queue_declare,
    QueueBind.id: declaring.queue_bind,
    QueueUnbind.id: declaring.queue_unbind,
    QueuePurge.id: declaring.queue_purge,
    QueueDelete.id: declaring.queue_delete,
    ChannelFlow.id: consuming.channel_flow,
    BasicQos.id: consuming.basic_qos,
    BasicConsume.id: consuming.basic_consume,
    BasicCancel.id: consuming.basic_cancel,
    BasicGet.id: consuming.basic_get,
    BasicRecover.id: consuming.basic_recover,
    BasicRecoverAsync.id: consuming.basic_recover_async,
    ConfirmSelect.id: modes.confirm_select,
    TxSelect.id: modes.tx_select,
    TxCommit.id: modes.tx_commit,
    TxRollback.id: modes.tx_rollback,
}
