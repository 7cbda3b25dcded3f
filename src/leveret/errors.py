"""The exception tree. The type alone decides reply code and scope (spec 4.8, RabbitMQ "Channel errors").

    LeveretError
      AmqpError                     the peer's fault; becomes a close frame in one place of the session
        ChannelError  (soft)        closes the channel (on channel 0: the connection)
          ContentTooLarge           311
          NoRoute                   312
          NoConsumers               313
          AccessRefused             403
          NotFound                  404
          ResourceLocked            405
          PreconditionFailed        406
        ConnectionError_ (hard)     closes the connection
          ConnectionForced          320
          InvalidPath               402
          LoginRefused              403 before the connection is open
          FrameError                501
          SyntaxError_              502
          CommandInvalid            503
          ChannelNumberError        504
          UnexpectedFrame           505
          ResourceError             506
          NotAllowed                530
          NotImplemented_           540
          InternalError             541
      ConfigError                   the operator's fault; one line and exit code 2
        DamageError                 a data directory that cannot be trusted
      PolicyError                   a policy that is refused
      VHostError                    a virtual host that is not there, or must stay
      DefinitionError               a definition file that cannot be imported
      AccountError                  a user, permission or parameter that is refused
      SyncError     (OSError)       the disk's fault: what was written may be lost

Our own faults are assertions, never an AmqpError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from .limits import SHORTSTR_MAX

if TYPE_CHECKING:
    from pathlib import Path

_CUT: Final = "..."


class LeveretError(Exception):
    """Everything that Leveret raises on purpose."""


class ConfigError(LeveretError):
    """A bad option, an unreadable file or directory, a port in use."""


class DamageError(ConfigError):
    """What a data directory holds cannot be trusted. `file` is named as it is within the directory."""

    def __init__(self, problem: str, file: str, offset: int, directory: Path | None = None) -> None:
        path = file if directory is None else directory / file
        text = f"{problem}: {path} at offset {offset}"
        super().__init__(text if directory is None else f"{text} (try: leveret repair {directory})")
        self.problem = problem
        self.file = file
        self.offset = offset

    def within(self, directory: Path) -> DamageError:
        """The same, for who has to find it."""
        return DamageError(self.problem, self.file, self.offset, directory)


class PolicyError(LeveretError):
    """A policy that cannot be set or is not there; the text is what RabbitMQ's tools show."""


class VHostError(LeveretError):
    """A virtual host that cannot be made, changed or deleted."""


class DefinitionError(LeveretError):
    """A definition file that cannot be imported; the text says which place of it."""


class AccountError(LeveretError):
    """A user, permission, limit or parameter that cannot be set or is not there."""


class SyncError(LeveretError, OSError):
    """An fsync failed. The system forgets then what it could not write, and a second fsync succeeds without it: nothing
    can be promised about the disk any more.
    """


class AmqpError(LeveretError):
    """A peer's fault with its reply code and text."""

    code: ClassVar[int] = 541
    name: ClassVar[str] = "INTERNAL_ERROR"
    hard: ClassVar[bool] = True

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation

    @property
    def reply_text(self) -> str:
        """`NAME - explanation`, or the name alone. What a shortstr does not hold is cut, never within a character, and
        "..." says so (RabbitMQ).
        """
        text = f"{self.name} - {self.explanation}" if self.explanation else self.name
        # Names out of field tables may hold what is no UTF-8, as surrogates.
        data = text.encode(errors="replace")
        if len(data) <= SHORTSTR_MAX:
            return data.decode()
        return data[: SHORTSTR_MAX - len(_CUT)].decode(errors="ignore") + _CUT


class ChannelError(AmqpError):
    """A soft error: closes the channel it happened on."""

    hard = False


class ConnectionError_(AmqpError):
    """A hard error: closes the connection."""


class ContentTooLarge(ChannelError):
    code, name = 311, "CONTENT_TOO_LARGE"


class NoRoute(ChannelError):
    code, name = 312, "NO_ROUTE"


class NoConsumers(ChannelError):
    code, name = 313, "NO_CONSUMERS"


class AccessRefused(ChannelError):
    code, name = 403, "ACCESS_REFUSED"


class NotFound(ChannelError):
    code, name = 404, "NOT_FOUND"


class ResourceLocked(ChannelError):
    code, name = 405, "RESOURCE_LOCKED"


class PreconditionFailed(ChannelError):
    code, name = 406, "PRECONDITION_FAILED"


class ConnectionForced(ConnectionError_):
    code, name = 320, "CONNECTION_FORCED"


class InvalidPath(ConnectionError_):
    code, name = 402, "INVALID_PATH"


class LoginRefused(ConnectionError_):
    code, name = 403, "ACCESS_REFUSED"


class FrameError(ConnectionError_):
    code, name = 501, "FRAME_ERROR"


class SyntaxError_(ConnectionError_):
    code, name = 502, "SYNTAX_ERROR"


class CommandInvalid(ConnectionError_):
    code, name = 503, "COMMAND_INVALID"


class ChannelNumberError(ConnectionError_):
    code, name = 504, "CHANNEL_ERROR"


class UnexpectedFrame(ConnectionError_):
    code, name = 505, "UNEXPECTED_FRAME"


class ResourceError(ConnectionError_):
    code, name = 506, "RESOURCE_ERROR"


class NotAllowed(ConnectionError_):
    code, name = 530, "NOT_ALLOWED"


class NotImplemented_(ConnectionError_):
    code, name = 540, "NOT_IMPLEMENTED"


class InternalError(ConnectionError_):
    code, name = 541, "INTERNAL_ERROR"
