"""Every error of the hub, named by what its receiver should do next.

    HubError
    ├── CallerError                 fix the request
    │   ├── InvalidInput            a value is malformed; `argument` names it
    │   ├── NotPermitted            the role may not do this
    │   ├── UnknownCanonicalId      no such entity, or not visible
    │   ├── OwnershipViolation      another system owns the attribute; `owner` names it
    │   └── VersionConflict         read again, then repeat
    ├── SourceError                 a system did not do its part; `system` names it
    │   ├── SourceUnavailable       retry later (timeout, connection, 5xx, breaker open)
    │   ├── SourceThrottled         retry after `retry_after_s`
    │   ├── SourceRejected          do not retry: the system refused the request
    │   ├── SourceMisconfigured     page a person: credentials, permissions, missing mapped fields
    │   ├── SourceShapeBroken       the vendor's answer no longer has the pinned shape
    │   └── WriteOutcomeUnknown     sent, no answer: read back before any repeat
    └── ConfigError                 at start only: all problems of the configuration, listed

`code` is stable and goes to callers; `retriable` says whether the same request may succeed later.
Messages are for people, never carry secrets or a vendor's body; the cause is chained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class HubError(Exception):
    """The root of the tree; `code` identifies the kind of error to a caller."""

    code: ClassVar[str] = "INTERNAL"
    retriable: ClassVar[bool] = False


class CallerError(HubError):
    """The request is at fault; repeating it unchanged cannot succeed."""

    code: ClassVar[str] = "BAD_REQUEST"


class InvalidInput(CallerError):
    """A value of the request is malformed or out of range; `argument` is its name in the graph."""

    code: ClassVar[str] = "INVALID_INPUT"

    def __init__(self, argument: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"{argument}: {message}")
        self.argument = argument
        self.specific_code = code


class NotPermitted(CallerError):
    """The caller's role may not do this."""

    code: ClassVar[str] = "NOT_PERMITTED"


class UnknownCanonicalId(CallerError):
    """There is no such entity, or the caller may not see it: the two are told apart by nobody."""

    code: ClassVar[str] = "NOT_FOUND"


class OwnershipViolation(CallerError):
    """The attribute belongs to another system of record."""

    code: ClassVar[str] = "NOT_SYSTEM_OF_RECORD"

    def __init__(self, attribute: str, owner: str) -> None:
        super().__init__(f"{attribute} is owned by {owner}")
        self.attribute = attribute
        self.owner = owner


class VersionConflict(CallerError):
    """The record has changed since the version that the caller knew."""

    code: ClassVar[str] = "VERSION_CONFLICT"


class SourceError(HubError):
    """A system of record did not do its part; `system` is its key in the estate."""

    code: ClassVar[str] = "SOURCE_ERROR"

    def __init__(self, system: str, message: str, *, operation: str = "") -> None:
        super().__init__(f"{system}: {message}" + (f" ({operation})" if operation else ""))
        self.system = system
        self.operation = operation


class SourceUnavailable(SourceError):
    """No usable answer: connection, timeout, 5xx, or the breaker is open. Try again later.

    `sent` is False when the request certainly never reached the system.
    """

    code: ClassVar[str] = "SOURCE_UNAVAILABLE"
    retriable: ClassVar[bool] = True

    def __init__(self, system: str, message: str, *, operation: str = "", sent: bool = True) -> None:
        super().__init__(system, message, operation=operation)
        self.sent = sent


class SourceThrottled(SourceError):
    """The system asks for fewer calls; wait `retry_after_s` (None: it did not say)."""

    code: ClassVar[str] = "RATE_LIMITED"
    retriable: ClassVar[bool] = True

    def __init__(self, system: str, message: str, *, operation: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(system, message, operation=operation)
        self.retry_after_s = retry_after_s


class SourceRejected(SourceError):
    """The system understood and refused the request.

    `reason` is its stable error code; `attribute` the value of a change at fault, by its canonical name, and
    `allowed` what would have been taken, where these are known.
    """

    code: ClassVar[str] = "SOURCE_REJECTED"

    def __init__(
        self,
        system: str,
        message: str,
        *,
        operation: str = "",
        reason: str = "",
        attribute: str | None = None,
        allowed: tuple[str, ...] = (),
    ) -> None:
        super().__init__(system, message, operation=operation)
        self.reason = reason
        self.attribute = attribute
        self.allowed = allowed


class SourceMisconfigured(SourceError):
    """Credentials, permissions or mapped fields are wrong: a person must change the configuration."""

    code: ClassVar[str] = "AUTH_FAILED"


class SourceShapeBroken(SourceError):
    """The answer does not have the shape that the adapter pins; the value is not coerced."""

    code: ClassVar[str] = "SCHEMA_DRIFT"


class WriteOutcomeUnknown(SourceError):
    """A write was sent and not answered: read back, or repeat only with the vendor's idempotency mechanism."""

    code: ClassVar[str] = "WRITE_OUTCOME_UNKNOWN"


class ConfigError(HubError):
    """The configuration cannot work; `problems` lists everything that is wrong, without secrets."""

    code: ClassVar[str] = "CONFIG_ERROR"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the configuration has problems:\n" + "\n".join(f"  - {p}" for p in problems))
        self.problems = tuple(problems)
