"""Tokens as passwords: which are taken, what they allow, and until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from leveret.access.backend import Identity, Login, Refused
from leveret.access.oauth2 import OAuth2Backend, Resource
from leveret.authorize import Rights
from leveret.clock import ManualClock
from leveret.limits import TOKEN_SIZE_MAX

from .support import REMOTE

RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
RESOURCE = Resource("rabbitmq")


class Keys:
    """The public halves."""

    def __init__(self) -> None:
        self.known: dict[str | None, Any] = {"rsa": RSA.public_key(), "ec": EC.public_key(), "hs": b"h" * 32}

    def get(self, key_id: str | None, answer: Callable[[Any], None]) -> None:
        answer(self.known.get(key_id))


class Setup:
    def __init__(self, resource: Resource = RESOURCE) -> None:
        self.clock = ManualClock()
        self.backend = OAuth2Backend(resource, Keys(), self.clock)

    def token(self, key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **claims: Any) -> bytes:
        now = self.clock.wall_ms() // 1000
        said = {"sub": "ann", "aud": "rabbitmq", "exp": now + 60, "scope": "rabbitmq.read:*/*", **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key, algorithm, headers={} if kid is None else {"kid": kid}).encode()

    def login(self, token: bytes | None) -> Identity | Refused:
        answers: list[Identity | Refused] = []
        self.backend.log_in(Login("whoever", token, "PLAIN", REMOTE), answers.append)
        (answer,) = answers
        return answer

    def rights(self, vhost: str = "/", **claims: Any) -> Rights | Refused:
        identity = self.login(self.token(**claims))
        assert isinstance(identity, Identity)
        answers: list[Rights | Refused] = []
        self.backend.open(identity, vhost, REMOTE, answers.append)
        (answer,) = answers
        return answer


class TestTokens:
    def test_a_good_one(self) -> None:
        setup = Setup()
        identity = setup.login(setup.token(scope="rabbitmq.read:*/* rabbitmq.tag:monitoring other.write:*/*"))
        assert isinstance(identity, Identity)
        assert (identity.name, identity.tags) == ("ann", ("monitoring",))
        assert identity.expires_ms == (setup.clock.wall_ms() // 1000 + 60) * 1000

    def test_other_algorithms(self) -> None:
        setup = Setup()
        assert isinstance(setup.login(setup.token(EC, "ES256", "ec")), Identity)
        assert isinstance(setup.login(setup.token(b"h" * 32, "HS256", "hs")), Identity)

    @pytest.mark.parametrize(
        ("claims", "why"),
        [
            ({"exp": 1}, "has expired"),
            ({"exp": None}, "has no end"),
            ({"exp": True}, "has no end"),
            ({"nbf": 1 << 40}, "not valid yet"),
            ({"aud": "other"}, "another audience"),
            ({"aud": None}, "another audience"),
            ({"sub": None}, "names no user"),
            ({"sub": "", "client_id": ""}, "names no user"),
            ({"key": OTHER}, "signature is wrong"),
            ({"kid": "nobody"}, "not known"),
            ({"kid": None}, "not known"),
        ],
    )
    def test_bad_ones(self, claims: dict[str, Any], why: str) -> None:
        setup = Setup()
        refused = setup.login(setup.token(**claims))
        assert isinstance(refused, Refused)
        assert why in refused.reason

    def test_a_key_of_another_kind_is_not_taken_for_a_secret(self) -> None:
        """Signed with HS256 by who knows only the public key."""
        setup = Setup()
        public = RSA.public_key().public_numbers().n.to_bytes(256, "big")
        refused = setup.login(setup.token(public, "HS256", "rsa"))
        assert isinstance(refused, Refused)

    @pytest.mark.parametrize("token", [b"", None, b"password", b"a.b.c", b"\xff", b"x" * (TOKEN_SIZE_MAX + 1)])
    def test_what_is_no_token(self, token: bytes | None) -> None:
        assert isinstance(Setup().login(token), Refused)

    def test_unsigned(self) -> None:
        setup = Setup()
        refused = setup.login(setup.token("", "none"))
        assert isinstance(refused, Refused)
        assert "algorithm that is not allowed" in refused.reason

    def test_algorithms_issuers_and_audiences_may_be_restricted(self) -> None:
        setup = Setup(replace(RESOURCE, algorithms=("ES256",), issuer="https://id", verify_audience=False))
        assert isinstance(setup.login(setup.token()), Refused)
        assert isinstance(setup.login(setup.token(EC, "ES256", "ec")), Refused)
        assert isinstance(setup.login(setup.token(EC, "ES256", "ec", iss="https://id", aud="x")), Identity)

    def test_names(self) -> None:
        setup = Setup(replace(RESOURCE, user_claims=("email", "client_id")))
        assert setup.login(setup.token(email="a@x")) == replace(setup.login(setup.token(email="a@x")), name="a@x")  # type: ignore[type-var]
        identity = setup.login(setup.token(client_id="c"))
        assert isinstance(identity, Identity)
        assert identity.name == "c"

    def test_no_token_is_shown(self) -> None:
        setup = Setup()
        token = setup.token()
        refused = setup.login(token[:-5])
        assert isinstance(refused, Refused)
        assert token[:20].decode() not in refused.reason


class TestScopes:
    def test_rights(self) -> None:
        rights = Setup().rights(scope="rabbitmq.read:%2F/orders* rabbitmq.write:*/x/news.*")
        assert not isinstance(rights, Refused)
        assert rights.may("read", "queue", "orders.1")
        assert not rights.may("read", "queue", "q")
        assert not rights.may("configure", "queue", "orders.1")
        assert rights.may("write", "exchange", "x")
        assert rights.may_topic("write", "x", "news.a")
        assert not rights.may_topic("write", "x", "sport.a")

    def test_virtual_hosts(self) -> None:
        assert isinstance(Setup().rights("shop", scope="rabbitmq.read:%2F/*"), Refused)
        assert isinstance(Setup().rights(scope=""), Refused)
        assert not isinstance(Setup().rights("shop", scope="rabbitmq.read:sh*/*"), Refused)

    def test_aliases_prefixes_and_other_claims(self) -> None:
        aliases = {"admin": ["api://configure:*/*", "api://tag:administrator"]}
        resource = Resource("rabbitmq", scope_prefix="api://", aliases=aliases, more_scopes="roles")
        setup = Setup(resource)
        identity = setup.login(setup.token(scope="admin", roles={"rabbitmq": ["api://write:*/*"]}))
        assert isinstance(identity, Identity)
        assert identity.tags == ("administrator",)
        assert identity.state == ("configure:*/*", "tag:administrator", "write:*/*")
        identity = setup.login(setup.token(scope="", roles="api://read:*/*"))
        assert isinstance(identity, Identity)
        assert identity.state == ("read:*/*",)


class TestRefresh:
    def refresh(self, setup: Setup, token: bytes) -> Identity | Refused:
        identity = setup.login(setup.token())
        assert isinstance(identity, Identity)
        answers: list[Identity | Refused] = []
        setup.backend.refresh(identity, token, answers.append)
        return answers[0]

    def test_a_new_token(self) -> None:
        setup = Setup()
        renewed = self.refresh(setup, setup.token(exp=setup.clock.wall_ms() // 1000 + 600))
        assert isinstance(renewed, Identity)
        assert renewed.expires_ms == (setup.clock.wall_ms() // 1000 + 600) * 1000

    def test_of_somebody_else(self) -> None:
        setup = Setup()
        assert self.refresh(setup, setup.token(sub="eve")) == Refused("the new token is of 'eve'")

    def test_a_bad_one(self) -> None:
        setup = Setup()
        assert isinstance(self.refresh(setup, setup.token(exp=1)), Refused)


def test_without_a_token_nobody_is_known() -> None:
    answers: list[object] = []
    Setup().backend.look_up(Login("ann", None, "EXTERNAL", REMOTE), answers.append)
    assert answers == [Refused("there is no token")]
