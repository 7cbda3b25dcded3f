"""What connections cost that do nothing, with one channel each: `python bench/idle.py`, plain and over TLS.

Target: under 60 kB for one over TLS. The broker runs in a process of its own; certificates are made on the spot.
"""

from __future__ import annotations

import argparse
import resource
import socket
import struct
import tempfile
from pathlib import Path

from tests.net.certificates import Authority
from tests.process import BrokerProcess
from tests.rawclient import RawClient


def rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no such process")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2_000)
    count = parser.parse_args().count
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        certificate = authority.certificate()
        context = authority.client()
        flags = ["--port", "0", "--ephemeral", "--tls-listen", "127.0.0.1:0"]
        flags += ["--tls-certfile", str(certificate.certfile), "--tls-keyfile", str(certificate.keyfile)]
        for kind in ("plain", "tls"):
            with BrokerProcess(*flags) as broker:
                port = broker.port
                if kind == "tls":
                    port = int(next(line for line in broker.lines if "over TLS on" in line).rpartition(":")[2])
                clients = []

                def connect(port: int = port, kind: str = kind) -> RawClient:
                    connected = socket.create_connection(("127.0.0.1", port))
                    if kind == "tls":
                        connected = context.wrap_socket(connected, server_hostname="localhost")
                    client = RawClient(connected)
                    client.log_in()
                    connected.sendall(struct.pack(">BHI", 1, 1, 5) + b"\x00\x14\x00\x0a\x00\xce")
                    client.stream.read(12)
                    return client

                warm = [connect() for _ in range(50)]
                before = rss_kb(broker.pid)
                clients = [connect() for _ in range(count)]
                after = rss_kb(broker.pid)
                print(f"{kind:6} {count} connections with a channel: {(after - before) / count:.1f} kB each")
                for client in [*warm, *clients]:
                    client.close()


if __name__ == "__main__":
    main()
