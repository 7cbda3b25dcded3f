"""Message selectors: conditions over a message's headers, as JMS has them (JMS 2.0, section 3.8.1 Message Selector).

Two notations are read, into the same terms: SQL text, and what the JMS client of RabbitMQ makes of it.
"""

from __future__ import annotations

from .selector import Operand, Selector, operand
from .sql import read_sql
from .terms import SelectorError, read_term

__all__ = ["Operand", "Selector", "SelectorError", "operand", "read_sql", "read_term"]
