"""The PROXY protocol: a load balancer says in front of a connection where it really comes from (haproxy's
specification, versions 1 and 2).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V1: Final = b"PROXY "
_V1_SIZE_MAX: Final = 107
_V2_HEADER: Final = struct.Struct(">12sBBH")
_V2_SIZE_MAX: Final = 4096
"""With all that may be said beside the addresses."""
HEADER_SIZE_MAX: Final = _V2_HEADER.size + _V2_SIZE_MAX
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_TCP4: Final = 0x11
_TCP6: Final = 0x21


class Trusted:
    """From where PROXY headers are believed."""

    __slots__ = ("_networks",)

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Addresses and networks, as `10.0.0.0/8`; none: from everywhere. Raises ValueError."""
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in networks)

    def has(self, host: str) -> bool:
        """Whether this address is one of them."""
        if not self._networks:
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks if network.version == mapped.version)


class ProxyError(ValueError):
    """No header, or a malformed one."""


class Proxied(NamedTuple):
    """A header of `size` bytes; where the connection comes from and what it was made to, None: the balancer itself asks
    (a health check), or does not say.
    """

    size: int
    source: tuple[str, int] | None = None
    destination: tuple[str, int] | None = None


def parse(data: bytes) -> Proxied | None:
    """What a connection begins with; None when more of it is needed. Raises ProxyError."""
    if data.startswith(SIGNATURE[: len(data)]):
        return None if len(data) < _V2_HEADER.size else _parse_v2(data)
    if data.startswith(_V1[: len(data)]):
        return _parse_v1(data)
    raise ProxyError("there is no PROXY header")


def _parse_v1(data: bytes) -> Proxied | None:
    end = data.find(b"\r\n", 0, _V1_SIZE_MAX)
    if end < 0:
        if len(data) >= _V1_SIZE_MAX:
            raise ProxyError("the header has no end")
        return None
    size = end + 2
    words = data[:end].split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return Proxied(size)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyError("the header is malformed")
    version = 4 if words[1] == b"TCP4" else 6
    return Proxied(size, _end(words[2], words[4], version), _end(words[3], words[5], version))


def _end(host: bytes, port: bytes, version: int) -> tuple[str, int]:
    try:
        address = ipaddress.ip_address(host.decode("ascii"))
        number = int(port) if port.isdigit() and len(port) <= 5 else -1
    except ValueError:
        raise ProxyError("the header is malformed") from None
    if address.version != version or not 0 <= number <= 0xFFFF:
        raise ProxyError("the header is malformed")
    return str(address), number


def _parse_v2(data: bytes) -> Proxied | None:
    _, command, family, length = _V2_HEADER.unpack_from(data)
    if command not in (_LOCAL, _PROXY):
        raise ProxyError("the header is of another version")
    if length > _V2_SIZE_MAX:
        raise ProxyError("the header is too long")
    size = _V2_HEADER.size + length
    if len(data) < size:
        return None
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return Proxied(size)
    width = 4 if family == _TCP4 else 16
    if length < 2 * width + 4:
        raise ProxyError("the header is malformed")
    at = _V2_HEADER.size
    source, destination = (data[at + number * width : at + (number + 1) * width] for number in (0, 1))
    source_port, destination_port = struct.unpack_from(">HH", data, at + 2 * width)
    return Proxied(
        size,
        (str(ipaddress.ip_address(source)), source_port),
        (str(ipaddress.ip_address(destination)), destination_port),
    )
