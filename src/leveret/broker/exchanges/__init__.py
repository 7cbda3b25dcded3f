"""The kinds of exchanges, one per file, and the table by which a declaration finds them."""

from __future__ import annotations

from typing import Final

from ..exchange import EXCHANGE_TYPES, Exchange
from .consistent_hash import ConsistentHashExchange
from .default import DefaultExchange
from .delayed_message import DelayedMessageExchange
from .direct import DirectExchange
from .fanout import FanoutExchange
from .headers import HeadersExchange
from .jms_topic import JmsTopicExchange
from .local_random import LocalRandomExchange
from .modulus_hash import ModulusHashExchange
from .random import RandomExchange
from .recent_history import RecentHistoryExchange
from .topic import TopicExchange

_KINDS: Final[tuple[type[Exchange], ...]] = (
    DirectExchange,
    FanoutExchange,
    TopicExchange,
    HeadersExchange,
    ConsistentHashExchange,
    RandomExchange,
    LocalRandomExchange,
    ModulusHashExchange,
    RecentHistoryExchange,
    JmsTopicExchange,
    DelayedMessageExchange,
)
EXCHANGE_TYPES.update({kind.type_name: kind for kind in _KINDS})

__all__ = [
    "ConsistentHashExchange",
    "DefaultExchange",
    "DelayedMessageExchange",
    "DirectExchange",
    "FanoutExchange",
    "HeadersExchange",
    "JmsTopicExchange",
    "LocalRandomExchange",
    "ModulusHashExchange",
    "RandomExchange",
    "RecentHistoryExchange",
    "TopicExchange",
]
