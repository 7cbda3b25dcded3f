from __future__ import annotations

import pytest
from amqp.sasl import AMQPLAIN, PLAIN
from hypothesis import given
from hypothesis import strategies as st

from leveret.access.mechanisms import PARSERS, parse_amqplain, parse_plain
from leveret.errors import SyntaxError_
from leveret.wire.fields import ByteArray, Value, encode_table

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


class TestPlain:
    @given(text, text)
    def test_as_py_amqp_sends_it(self, name: str, password: str) -> None:
        response = PLAIN(name, password).start(None)
        assert parse_plain(response) == (name, password.encode())

    def test_a_password_may_be_any_bytes(self) -> None:
        assert parse_plain(b"\0me\0\xff\xfe")[1] == b"\xff\xfe"

    def test_a_name_that_is_not_utf8_is_nobodys(self) -> None:
        name = parse_plain(b"\0\xff\0secret")[0]
        with pytest.raises(UnicodeEncodeError):
            name.encode()

    @pytest.mark.parametrize("response", [b"", b"\0", b"\0me", b"me\0secret", b"you\0me\0secret", b"\0me\0secret\0"])
    def test_malformed(self, response: bytes) -> None:
        with pytest.raises(SyntaxError_) as refusal:
            parse_plain(response)
        assert refusal.value.reply_text == "SYNTAX_ERROR - PLAIN response invalid"


class TestAmqplain:
    @given(text, text)
    def test_as_py_amqp_sends_it(self, name: str, password: str) -> None:
        response = AMQPLAIN(name, password).start(None)
        assert parse_amqplain(response) == (name, password.encode())

    def test_other_fields_do_not_matter(self) -> None:
        response = encode_table({"x": 1, "PASSWORD": b"\xff", "LOGIN": b"\xff"})
        assert parse_amqplain(response) == ("\udcff", b"\xff")

    @pytest.mark.parametrize("fields", [{}, {"LOGIN": "me"}, {"PASSWORD": "secret"}, {"login": "me", "password": "x"}])
    def test_missing(self, fields: dict[str, Value]) -> None:
        with pytest.raises(SyntaxError_, match="is missing LOGIN or PASSWORD field"):
            parse_amqplain(encode_table(fields))

    @pytest.mark.parametrize("value", [1, None, ByteArray(b"secret"), ["secret"], {"secret": 1}])
    def test_other_types(self, value: Value) -> None:
        for fields in ({"LOGIN": "me", "PASSWORD": value}, {"LOGIN": value, "PASSWORD": "secret"}):
            with pytest.raises(SyntaxError_, match=r"uses unsupported type for LOGIN or PASSWORD field$"):
                parse_amqplain(encode_table(fields))


@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=60))
def test_noise_is_read_or_refused(mechanism: str, response: bytes) -> None:
    try:
        PARSERS[mechanism](response)
    except SyntaxError_:
        return
