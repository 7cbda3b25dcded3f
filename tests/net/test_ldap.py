"""The LDAP backend against a small server that knows three people and two groups."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from ldap3.protocol.rfc4511 import (
    BindResponse,
    LDAPMessage,
    MessageID,
    PartialAttributeList,
    ProtocolOp,
    ResultCode,
    SearchResultDone,
    SearchResultEntry,
)
from pyasn1.codec.ber.encoder import encode

from leveret.access.backend import Identity, Login, Refused
from leveret.net.ldap import Directory, LdapBackend

from ..access.support import REMOTE, LateWorkers

Part = tuple[int, bytes]
PEOPLE = {
    "cn=ann,ou=people": ("ann@x", "a"),
    "cn=bob,ou=people": ("bob@x", "b"),
    "cn=twin,ou=people": ("bob@x", "c"),
    "cn=reader": ("", "reading"),
}
GROUPS = {"cn=admins,ou=groups": ["cn=ann,ou=people"], "cn=shop,ou=groups": ["cn=ann,ou=people", "cn=bob,ou=people"]}


class Server(socketserver.ThreadingTCPServer):
    """Answers binds and searches, and remembers what it was asked."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        while True:
            header = self.rfile.read(2)
            if len(header) < 2:
                return
            size = header[1]
            if size & 0x80:
                more = self.rfile.read(size & 0x7F)
                header, size = header + more, int.from_bytes(more, "big")
            (message,) = _parts(header + self.rfile.read(size))
            number, (kind, content), *_ = _parts(message[1])
            self._number = int.from_bytes(number[1], "big")
            if kind == 0x60:
                self._bind(_parts(content))
            elif kind == 0x63:
                self._search(_parts(content))
            else:
                return

    def _send(self, kind: str, op: Any) -> None:
        message = LDAPMessage()
        message["messageID"] = MessageID(self._number)
        choice = ProtocolOp()
        choice[kind] = op
        message["protocolOp"] = choice
        self.wfile.write(encode(message))

    @staticmethod
    def _result(op: Any, code: int) -> Any:
        op["resultCode"] = ResultCode(code)
        op["matchedDN"] = ""
        op["diagnosticMessage"] = ""
        return op

    def _bind(self, request: list[Part]) -> None:
        dn, password = request[1][1].decode(), request[2][1].decode()
        self.server.asked.append(f"bind {dn}")
        good = (not dn and not password) or PEOPLE.get(dn, ("", None))[1] == password
        self._send("bindResponse", self._result(BindResponse(), 0 if good else 49))

    def _search(self, request: list[Part]) -> None:
        base, wanted = request[0][1].decode(), _filter(request[6])
        self.server.asked.append(f"search {base} {wanted}")
        if base in GROUPS:
            found = [base] if any(value in GROUPS[base] for _, value in wanted) else []
        else:
            found = [dn for dn, (mail, _) in PEOPLE.items() if dn.endswith(base) and ("mail", mail) in wanted]
        for dn in found:
            entry = SearchResultEntry()
            entry["object"] = dn
            entry["attributes"] = PartialAttributeList()
            self._send("searchResEntry", entry)
        self._send("searchResDone", self._result(SearchResultDone(), 0))


def _parts(data: bytes) -> list[Part]:
    """(tag, content) of what is encoded one after the other."""
    parts = []
    while data:
        size, at = data[1], 2
        if size & 0x80:
            at += size & 0x7F
            size = int.from_bytes(data[2:at], "big")
        parts.append((data[0], data[at : at + size]))
        data = data[at + size :]
    return parts


def _filter(wanted: Part) -> list[tuple[str, str]]:
    """(attribute, value) of an equality, or of several of which one has to hold."""
    kind, content = wanted
    if kind == 0xA1:
        return [pair for each in _parts(content) for pair in _filter(each)]
    assert kind == 0xA3, "an equality"
    (_, attribute), (_, value) = _parts(content)
    return [(attribute.decode(), value.decode())]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever, args=(0.01,))
        thread.start()
        yield started
        started.shutdown()
        thread.join()


@pytest.fixture
def directory(server: Server) -> Directory:
    return Directory(
        ["127.0.0.1"],
        server.server_address[1],
        user_dn_pattern="cn=${username},ou=people",
        tag_groups={"administrator": "cn=admins,ou=groups", "seller": "cn=shop,ou=groups"},
        vhost_groups={"shop": "cn=shop,ou=groups", "closed": "cn=admins,ou=groups"},
        timeout_ms=2_000,
    )


def ask(directory: Directory, do: Callable[[LdapBackend, Callable[[Any], None]], None]) -> Any:
    workers = LateWorkers()
    answers: list[Any] = []
    do(LdapBackend(directory, workers), answers.append)
    workers.work()
    (answer,) = answers
    return answer


def login(directory: Directory, name: str, password: bytes | None) -> Identity | Refused:
    found: Identity | Refused = ask(
        directory, lambda backend, told: backend.log_in(Login(name, password, "PLAIN", REMOTE), told)
    )
    return found


def test_who_can_bind_is_let_in(directory: Directory) -> None:
    ann = login(directory, "ann", b"a")
    assert ann == Identity("ann", ("administrator", "seller"), "cn=ann,ou=people")
    assert login(directory, "bob", b"b") == Identity("bob", ("seller",), "cn=bob,ou=people")


@pytest.mark.parametrize(("name", "password"), [("ann", b"wrong"), ("eve", b"a"), ("ann", b""), ("ann", None)])
def test_who_cannot_is_not(directory: Directory, name: str, password: bytes | None) -> None:
    assert isinstance(login(directory, name, password), Refused)


def test_users_may_be_looked_up(directory: Directory, server: Server) -> None:
    looking = replace(
        directory, lookup_attribute="mail", lookup_base="ou=people", lookup_dn="cn=reader", lookup_password="reading"
    )
    ann = login(looking, "ann@x", b"a")
    assert isinstance(ann, Identity)
    assert (ann.name, ann.state) == ("ann@x", "cn=ann,ou=people")
    assert server.asked[0] == "bind cn=reader"
    assert login(looking, "nobody@x", b"a") == Refused("the directory does not know it")
    assert login(looking, "bob@x", b"b") == Refused("the directory does not know it")  # there are two


@pytest.mark.parametrize("name", ["ann,ou=people", "*", "a)(mail=*", "ann\\", "cn=ann"])
def test_a_name_is_never_more_than_a_name(directory: Directory, server: Server, name: str) -> None:
    assert isinstance(login(directory, name, b"a"), Refused)
    looking = replace(directory, lookup_attribute="mail", lookup_base="ou=people")
    assert isinstance(login(looking, name, b"a"), Refused)
    assert ("mail", name) in [
        pair for said in server.asked if "('mail'" in said for pair in eval(said.split(" ", 2)[2])
    ]


def test_users_that_are_known_already(directory: Directory) -> None:
    found = ask(directory, lambda backend, told: backend.look_up(Login("ann", None, "EXTERNAL", REMOTE), told))
    assert found == Identity("ann", ("administrator", "seller"), "cn=ann,ou=people")


@pytest.mark.parametrize(("vhost", "allowed"), [("shop", True), ("closed", False), ("other", True)])
def test_virtual_hosts(directory: Directory, vhost: str, allowed: bool) -> None:
    bob = Identity("bob", (), "cn=bob,ou=people")
    found = ask(directory, lambda backend, told: backend.open(bob, vhost, REMOTE, told))
    assert isinstance(found, Refused) is not allowed
    if allowed:
        assert found.user == "bob"
        assert found.may("write", "queue", "q")
        assert found.may_topic("write", "x", "k")
        assert not found.has_topics("x")


def test_a_server_that_is_not_there(directory: Directory, caplog: pytest.LogCaptureFixture) -> None:
    gone = replace(directory, port=1)
    assert login(gone, "ann", b"canary") == Refused("the directory cannot be asked")
    assert isinstance(ask(gone, lambda b, told: b.look_up(Login("ann", None, "", REMOTE), told)), Refused)
    bob = Identity("bob", (), "cn=bob,ou=people")
    assert isinstance(ask(gone, lambda b, told: b.open(bob, "shop", REMOTE, told)), Refused)
    assert "the directory cannot be asked" in caplog.text
    assert "canary" not in caplog.text


def test_the_first_server_that_answers(directory: Directory) -> None:
    assert isinstance(login(replace(directory, servers=["127.0.0.2", "127.0.0.1"]), "ann", b"a"), Identity)


def test_its_logins_do_not_expire(directory: Directory) -> None:
    ann = Identity("ann")
    assert ask(directory, lambda backend, told: backend.refresh(ann, b"x", told)) == ann
