"""Runtime parameters (RabbitMQ page "Parameters and Policies"): values by virtual host, component and name.

Those of no virtual host are global. Policies are kept elsewhere; limits of a virtual host are the parameter `limits` of
the component `vhost-limits`, as in RabbitMQ, so that definition files have them where it has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..errors import AccountError
from ..limits import NAME_BYTES_MAX, PARAMETER_DEPTH_MAX, PARAMETER_SIZE_MAX
from ..wire.definitions import ClearParameter, SetParameter
from ..wire.records import require_readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..wire.definitions import ParameterOp

VHOST_LIMITS: Final = "vhost-limits"
LIMITS: Final = "limits"
MAX_CONNECTIONS: Final = "max-connections"
MAX_QUEUES: Final = "max-queues"
CLUSTER_NAME: Final = "cluster_name"
_POLICIES: Final = ("policy", "operator_policy")
"""Components of RabbitMQ's in which nothing else may be kept: a definition file would make policies of it."""


def require_parameter(op: SetParameter) -> None:
    """Raises AccountError for one that cannot be set, with RabbitMQ's text if it has one."""
    if not op.name or len(op.name.encode(errors="replace")) > NAME_BYTES_MAX:
        raise AccountError(f"the name of a parameter has 1 to {NAME_BYTES_MAX} bytes")
    try:
        require_readable(op)
        size = len(msgspec.json.encode(op.value))
    except (TypeError, ValueError):
        raise AccountError(f"the value of parameter '{op.name}' cannot be kept: it has what JSON has not") from None
    if size > PARAMETER_SIZE_MAX:
        raise AccountError(f"the value of parameter '{op.name}' of {size} bytes is larger than {PARAMETER_SIZE_MAX}")
    if is_deeper(op.value, PARAMETER_DEPTH_MAX):
        raise AccountError(f"the value of parameter '{op.name}' nests deeper than {PARAMETER_DEPTH_MAX}")
    if op.component == VHOST_LIMITS:
        _require_limits(op)
    if op.component in _POLICIES:
        raise AccountError("policies may not be set using this method")


def is_deeper(value: object, depth: int) -> bool:
    """Whether lists and objects nest deeper than that."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < 0 or any(is_deeper(each, depth - 1) for each in inner)


def _require_limits(op: SetParameter) -> None:
    if op.name != LIMITS or not isinstance(op.value, dict):
        raise AccountError(f"the limits of a vhost are the parameter '{LIMITS}', an object")
    for limit, value in op.value.items():
        if limit not in (MAX_CONNECTIONS, MAX_QUEUES):
            raise AccountError(f'Unrecognised terms [{{<<"{limit}">>,{value}}}] in limits')
        if type(value) is not int:
            raise AccountError(f'<<"{limit}">> should be number, actually was {value!r}')


class Parameters:
    """All of one broker."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], Any] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        """Whether there is one of this virtual host, component and name: its value may be None."""
        return key in self._values

    def get(self, vhost: str, component: str, name: str) -> Any:
        """The value; None when there is none."""
        return self._values.get((vhost, component, name))

    @property
    def cluster_name(self) -> str | None:
        """What the broker is called, if somebody said so while it ran."""
        name = self._values.get(("", "", CLUSTER_NAME))
        return name if isinstance(name, str) and name else None

    def vhost_limit(self, vhost: str, limit: str) -> int | None:
        """MAX_CONNECTIONS or MAX_QUEUES of a virtual host; None: no limit (what is negative means so)."""
        if not self._values:
            return None
        limits = self._values.get((vhost, VHOST_LIMITS, LIMITS))
        value = limits.get(limit, -1) if isinstance(limits, dict) else -1
        return value if value >= 0 else None

    def all(self) -> Iterator[SetParameter]:
        """Each as the op that sets it."""
        for (vhost, component, name), value in self._values.items():
            yield SetParameter(vhost, component, name, value)

    def apply(self, op: ParameterOp) -> None:
        """Make the change that an op describes."""
        match op:
            case SetParameter():
                self._values[op.vhost, op.component, op.name] = op.value
            case ClearParameter():
                self._values.pop((op.vhost, op.component, op.name), None)

    def vhost_deleted(self, vhost: str) -> None:
        """Its parameters go with it."""
        self._values = {key: value for key, value in self._values.items() if key[0] != vhost}
