"""What a feed does about each kind of failure: class, subject, and when to try again (domain.md section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import SourceError, SourceMisconfigured, SourceRejected, SourceShapeBroken, SourceThrottled
from hub.feeds.schedule import RECHECK_S, back_off_s
from hub.store.exceptions import ExceptionClass, Severity, Trouble
from hub.store.watermarks import Feed

FLOW = "feed"
UNEXPECTED = "INTERNAL"
"""The failure code of an error that is the hub's own."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a failure is filed: by its class, and whether it is the whole system's or this kind's alone."""

    cls: ExceptionClass
    whole_system: bool


_PLATFORM = Verdict(ExceptionClass.PLATFORM_AVAILABILITY, whole_system=True)
_DATA = Verdict(ExceptionClass.DATA_QUALITY, whole_system=False)
_MAPPING = Verdict(ExceptionClass.AUTHENTICATION, whole_system=False)
_SIGN_IN = Verdict(ExceptionClass.AUTHENTICATION, whole_system=True)

DATA_CODES = frozenset({SourceShapeBroken.code, SourceRejected.code, UNEXPECTED})
"""Failures of one kind that say nothing about the system's other kinds."""


def verdict(error: SourceError, *, signs_in: bool) -> Verdict:
    """File an error; `signs_in` says whether the system accepts the hub's credentials otherwise."""
    if isinstance(error, SourceMisconfigured):
        return _MAPPING if signs_in else _SIGN_IN
    return _DATA if error.code in DATA_CODES else _PLATFORM


def wait_s(error: SourceError, failures: int) -> float:
    """Seconds until the feed tries again."""
    if isinstance(error, SourceThrottled):
        return max(error.retry_after_s or 0.0, back_off_s(failures))
    if error.code in DATA_CODES or isinstance(error, SourceMisconfigured):
        return RECHECK_S
    return back_off_s(failures)


def subject(feed: Feed, filed: Verdict) -> str:
    """What the exception is about: the system, or one kind of it."""
    return feed.system if filed.whole_system else f"{feed.system}/{feed.kind}"


def trouble(feed: Feed, error: SourceError, filed: Verdict, correlation_id: str) -> Trouble:
    """The exception that a person sees."""
    return Trouble(
        code=error.code,
        cls=filed.cls,
        flow=FLOW,
        systems=(feed.system,),
        subject_key=subject(feed, filed),
        message=str(error),
        severity=Severity.BLOCKING,
        correlation_id=correlation_id,
    )
