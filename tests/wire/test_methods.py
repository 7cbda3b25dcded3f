from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands
from pamqp import encode as pamqp_encode

from leveret.errors import AmqpError, CommandInvalid, FrameError, SyntaxError_
from leveret.wire import spec
from leveret.wire.fields import Arguments
from leveret.wire.methods import (
    METHODS,
    BasicDeliver,
    BasicGet,
    BasicNack,
    BasicQos,
    ChannelClose,
    ConnectionOpen,
    ConnectionSecureOk,
    ConnectionStartOk,
    ConnectionTuneOk,
    ConnectionUpdateSecret,
    ExchangeUnbindOk,
    Method,
    QueueBind,
    QueueDeclare,
    decode_method,
)

from .values import tables

NUMBERS = {
    "version_major": 8,
    "version_minor": 8,
    "channel_max": 16,
    "heartbeat": 16,
    "reply_code": 16,
    "class_id": 16,
    "method_id": 16,
    "prefetch_count": 16,
    "ticket": 16,
    "frame_max": 32,
    "message_count": 32,
    "consumer_count": 32,
    "prefetch_size": 32,
    "delivery_tag": 64,
}
TYPES = {
    "str": st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    "bytes": st.binary(max_size=300),
    "bool": st.booleans(),
    "Arguments": tables.map(Arguments.of),
}


def fields_of(method: type[Method]) -> dict[str, str]:
    """Its fields and the names of their types."""
    if not method.__slots__:
        return {}
    parameters = inspect.signature(method).parameters.values()
    return {parameter.name: str(parameter.annotation) for parameter in parameters}


def examples(method: type[Method]) -> st.SearchStrategy[Method]:
    return st.builds(
        method,
        **{
            name: st.integers(0, (1 << NUMBERS[name]) - 1) if type == "int" else TYPES[type]
            for name, type in fields_of(method).items()
        },
    )


methods = st.sampled_from(list(METHODS.values())).flatmap(examples)


class TestEveryMethod:
    def test_ids_and_names(self) -> None:
        assert {id: method.name for id, method in METHODS.items()} == spec.METHOD_NAMES
        assert all(id == method.id for id, method in METHODS.items())
        assert all(method.name.split(".")[0] == spec.CLASS_NAMES[id >> 16] for id, method in METHODS.items())
        assert len(METHODS) == 66

    def test_only_these_have_content(self) -> None:
        with_content = [method.name for method in METHODS.values() if method.has_content]
        assert with_content == ["basic.publish", "basic.return", "basic.deliver", "basic.get-ok"]

    @pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
    def test_slots_hold_the_fields_in_order(self, method: type[Method]) -> None:
        assert list(method.__slots__) == list(fields_of(method))
        assert "__dict__" not in dir(method)

    @given(methods)
    def test_round_trip(self, method: Method) -> None:
        raw = method.encode()
        assert type(method).decode(raw) == method
        assert decode_method(method.id, raw) == method

    @given(methods)
    def test_truncated(self, method: Method) -> None:
        raw = method.encode()
        for size in range(len(raw)):
            with pytest.raises(FrameError, match="cannot decode"):
                decode_method(method.id, raw[:size])

    @given(methods)
    def test_trailing(self, method: Method) -> None:
        with pytest.raises(FrameError, match="cannot decode"):
            decode_method(method.id, method.encode() + b"\0")

    @given(st.sampled_from(list(METHODS)), st.binary(max_size=60))
    def test_noise_is_read_or_refused(self, id: int, raw: bytes) -> None:
        try:
            decode_method(id, raw)
        except (FrameError, SyntaxError_):
            return


class TestAgainstPamqp:
    RENAMED = {"nowait": "no_wait", "exchange_type": "type"}  # noqa: RUF012  a constant
    ZERO = {"shortstr": "", "longstr": "", "short": 0, "bit": False}  # noqa: RUF012

    def oracle(self, method: Method) -> Any:
        """The same method by pamqp, whose checks of values (and only they) are left out."""
        known = commands.INDEX_MAPPING[method.id]
        frame = object.__new__(type(known.__name__, (known,), {"validate": lambda self: None, "__slots__": ()}))
        for name in known.__slots__:
            ours = self.RENAMED.get(name, name)
            if ours not in method.__slots__:
                value: object = self.ZERO[known.amqp_type(name)]
            else:
                value = getattr(method, ours)
                if isinstance(value, Arguments):
                    value = dict(value)
                elif isinstance(value, bytes):
                    value = value.decode("latin-1")
            object.__setattr__(frame, name, value)
        frame.__class__.__slots__ = known.__slots__
        return frame

    @pytest.mark.parametrize(
        "id",
        [id for id in METHODS if id not in (spec.ACCESS_REQUEST, spec.ACCESS_REQUEST_OK)],
        ids=spec.METHOD_NAMES.get,
    )
    @settings(max_examples=20)
    @given(data=st.data())
    def test_same_bytes(self, id: int, data: st.DataObject) -> None:
        method = data.draw(examples(METHODS[id]))
        for name in method.__slots__:
            value = getattr(method, name)
            if isinstance(value, Arguments):
                plain = data.draw(st.dictionaries(st.text("abc", max_size=3), st.integers(-9, 9) | st.text(max_size=9)))
                setattr(method, name, Arguments(pamqp_encode.field_table(plain)[4:]))
            elif isinstance(value, bytes):
                setattr(method, name, data.draw(st.binary(max_size=9)).hex().encode())
            elif name == "delivery_tag":
                method.delivery_tag &= (1 << 63) - 1  # type: ignore[attr-defined]  # pamqp has it signed
        assert method.encode() == self.oracle(method).marshal()

    def test_all_of_its_methods_are_ours(self) -> None:
        assert commands.INDEX_MAPPING.keys() == METHODS.keys() - {spec.ACCESS_REQUEST, spec.ACCESS_REQUEST_OK}


class TestSingleMethods:
    def test_bits_are_packed_from_the_lowest(self) -> None:
        raw = QueueDeclare("q", durable=True, auto_delete=True).encode()
        assert raw == b"\0\0\x01q\x0a\0\0\0\0"
        assert BasicNack(1, multiple=True, requeue=False).encode()[-1] == 1

    def test_unknown_bits_are_ignored(self) -> None:
        assert BasicGet.decode(b"\0\0\x01q\xff") == BasicGet("q", no_ack=True)

    def test_reserved_fields_are_skipped(self) -> None:
        assert ConnectionOpen.decode(b"\x01v\x03abc\x01") == ConnectionOpen("v")
        assert BasicGet.decode(b"\x12\x34\x00\x00") == BasicGet("")

    def test_defaults(self) -> None:
        assert QueueDeclare() == QueueDeclare("", False, False, False, False, False, Arguments.EMPTY)
        assert QueueBind("q", "x").routing_key == ""
        assert BasicNack().requeue
        assert ConnectionTuneOk().frame_max == 0
        with pytest.raises(TypeError):
            BasicDeliver("tag", 1)  # type: ignore[call-arg]

    def test_exchange_unbind_ok_has_its_odd_id(self) -> None:
        assert ExchangeUnbindOk.id == 40 << 16 | 51

    def test_equality(self) -> None:
        assert BasicQos(0, 1) != BasicQos(0, 2)
        assert BasicQos(0, 1) != (0, 1, False)
        assert QueueDeclare("q", arguments=Arguments(b"\x01as\0\x05")) == QueueDeclare(
            "q", arguments=Arguments.of({"a": 5})
        )

    def test_repr(self) -> None:
        assert repr(BasicQos(0, 5, True)) == "BasicQos(prefetch_size=0, prefetch_count=5, global_=True)"
        assert repr(ExchangeUnbindOk()) == "ExchangeUnbindOk()"

    def test_nothing_shows_credentials(self) -> None:
        for method in (
            ConnectionStartOk(Arguments.EMPTY, "PLAIN", b"\0me\0hidden", "en_US"),
            ConnectionSecureOk(b"hidden"),
            ConnectionUpdateSecret(b"hidden", "why"),
        ):
            assert "hidden" not in repr(method)
            with pytest.raises(FrameError) as refusal:
                type(method).decode(method.encode() + b"\0")
            assert refusal.value.explanation == f"cannot decode {method.name}"

    def test_unknown_method(self) -> None:
        with pytest.raises(CommandInvalid, match="unimplemented method"):
            decode_method(0x00320099, b"")

    def test_refusals_are_rabbitmqs(self) -> None:
        with pytest.raises(FrameError) as refusal:
            BasicGet.decode(b"\0\0\x05")
        assert refusal.value.reply_text == "FRAME_ERROR - cannot decode <<0,0,5>>"
        with pytest.raises(FrameError) as refusal:
            BasicGet.decode(b"\0\0\x01\xff\0")
        assert refusal.value.reply_text == "FRAME_ERROR - Malformed UTF-8 in shortstr"

    def test_a_refusal_of_much_is_short(self) -> None:
        with pytest.raises(AmqpError) as refusal:
            BasicGet.decode(bytes(100_000))
        assert len(refusal.value.explanation) < 1100

    def test_a_malformed_table_is_a_syntax_error(self) -> None:
        with pytest.raises(SyntaxError_, match="malformed field table"):
            QueueDeclare.decode(b"\0\0\0\0\0\0\0\x01\x01")

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(ValueError, match="a shortstr of 256 bytes"):
            ChannelClose(200, "a" * 256).encode()
