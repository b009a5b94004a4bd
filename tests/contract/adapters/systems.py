"""The systems under the conformance suite: how each adapter is connected to its sandbox, and its peculiar facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from hub.domain.kinds import Kind
from hub.ports import SourceAdapter
from sources.auth import ClientAssertion, ClientCredentials, JwtBearer, OAuth1, RefreshToken, StaticBearer
from sources.breaker import Breaker
from sources.kantata import KantataAdapter
from sources.kantata import classify as kantata_errors
from sources.netsuite import NetSuiteAdapter
from sources.salesforce import SalesforceAdapter
from sources.sandbox.firm.vendor_ids import kantata_id, netsuite_id, salesforce_id, workday_wid
from sources.transport import Limits, Transport
from sources.versions import Versions
from sources.workday import WorkdayAdapter
from sources.workday import classify as workday_errors
from tests.support.sandboxes import RunningSandbox
from tests.support.versions import VERSIONS

TIMEOUT_S = 5.0


class Recorder:
    """A client factory that keeps what was sent: method, path and query, body."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __call__(self, **arguments: Any) -> httpx.AsyncClient:
        """Make a client whose requests are kept."""
        return httpx.AsyncClient(**arguments, event_hooks={"request": [self._keep]})

    async def _keep(self, request: httpx.Request) -> None:
        self.sent.append(f"{request.method} {request.url} {request.content.decode()}")


@dataclass(frozen=True, slots=True)
class Connection:
    """An adapter on a running sandbox, with its transport and what it has sent."""

    adapter: SourceAdapter
    transport: Transport
    recorder: Recorder


@dataclass(frozen=True, slots=True)
class System:
    """One adapter in the suite.

    `connect` makes it from a sandbox, a transport's arguments, and a secret to use instead of the right one.
    `a_kind` serves where one kind stands for all, `narrow` is one of its attributes and `unread` words that
    a request for only that must not hold. `pinned` is a field of its answer whose loss is drift. `ids(n)`
    are n well-formed ids that do not exist; `more_than_a_call_takes` is how many it needs to split a read
    where the limit is no number of ids. `says_how_long_to_wait`: its throttling comes with Retry-After when
    told to. `delete` gives the path that deletes a record of a kind with tombstones.
    """

    name: str
    connect: Callable[[RunningSandbox, Mapping[str, Any], str | None, Versions], tuple[SourceAdapter, Transport]]
    a_kind: Kind
    narrow: str
    unread: tuple[str, ...]
    pinned: str
    ids: Callable[[int], list[str]]
    renews_tokens: bool = True
    says_how_long_to_wait: bool = True
    more_than_a_call_takes: int = 0
    delete: Mapping[Kind, str] = field(default_factory=dict)


def _transport(name: str, base_url: str, arguments: Mapping[str, Any], auth: httpx.Auth, **more: Any) -> Transport:
    return Transport(name, base_url, auth=auth, **{**more, **arguments})


def _salesforce(
    sandbox: RunningSandbox, arguments: Mapping[str, Any], secret: str | None, versions: Versions
) -> tuple[SourceAdapter, Transport]:
    own = sandbox.credentials.salesforce
    auth = ClientCredentials(
        "crm",
        f"{sandbox.base_url}/services/oauth2/token",
        client_id=own.client_id,
        client_secret=secret or own.client_secret,
        follow_address=True,
    )
    transport = _transport("crm", sandbox.base_url, arguments, auth)
    return SalesforceAdapter("crm", transport, versions=versions), transport


def salesforce_by_assertion(sandbox: RunningSandbox, arguments: Mapping[str, Any]) -> SourceAdapter:
    """The other way into Salesforce: a signed assertion for the integration user."""
    own = sandbox.credentials.salesforce
    auth = JwtBearer(
        "crm",
        f"{sandbox.base_url}/services/oauth2/token",
        claims={"iss": own.client_id, "sub": own.username, "aud": "https://login.salesforce.com"},
        private_key_pem=sandbox.secrets.salesforce_private_key_pem,
        follow_address=True,
    )
    return SalesforceAdapter("crm", _transport("crm", sandbox.base_url, arguments, auth), versions=VERSIONS)


def _netsuite(
    sandbox: RunningSandbox, arguments: Mapping[str, Any], secret: str | None, versions: Versions
) -> tuple[SourceAdapter, Transport]:
    own = sandbox.credentials.netsuite
    auth = ClientAssertion(
        "erp",
        f"{sandbox.base_url}/services/rest/auth/oauth2/v1/token",
        client_id=secret or own.client_id,
        key_id=own.certificate_id,
        private_key_pem=sandbox.secrets.netsuite_private_key_pem,
        scope=("rest_webservices",),
        algorithm="ES256",
    )
    transport = _transport("erp", sandbox.base_url, arguments, auth)
    return NetSuiteAdapter("erp", transport, versions=versions), transport


def netsuite_by_signature(sandbox: RunningSandbox, arguments: Mapping[str, Any]) -> SourceAdapter:
    """The other way into NetSuite: every call signed with a token's secret."""
    own = sandbox.credentials.netsuite
    auth = OAuth1(
        realm=own.account.upper().replace("-", "_"),
        consumer_key=own.consumer_key,
        consumer_secret=own.consumer_secret,
        token_id=own.token_id,
        token_secret=own.token_secret,
    )
    return NetSuiteAdapter("erp", _transport("erp", sandbox.base_url, arguments, auth), versions=VERSIONS)


def _kantata(
    sandbox: RunningSandbox, arguments: Mapping[str, Any], secret: str | None, versions: Versions
) -> tuple[SourceAdapter, Transport]:
    auth = StaticBearer(secret or sandbox.credentials.kantata.token)
    transport = _transport("psa", f"{sandbox.base_url}/api/v1", arguments, auth, classify=kantata_errors)
    return KantataAdapter("psa", transport, versions=versions), transport


def _workday(
    sandbox: RunningSandbox, arguments: Mapping[str, Any], secret: str | None, versions: Versions
) -> tuple[SourceAdapter, Transport]:
    own = sandbox.credentials.workday
    auth = RefreshToken(
        "hcm",
        f"{sandbox.base_url}/ccx/oauth2/{own.tenant}/token",
        client_id=own.client_id,
        client_secret=secret or own.client_secret,
        refresh_token=own.refresh_token,
    )
    transport = _transport("hcm", sandbox.base_url, arguments, auth, classify=workday_errors)
    return WorkdayAdapter("hcm", transport, tenant=own.tenant, versions=versions), transport


SYSTEMS = {
    system.name: system
    for system in (
        System(
            "salesforce",
            _salesforce,
            Kind.CUSTOMER,
            "name",
            ("Region__c", "Industry", "Tax_Registration__c", "ParentId"),
            "Name",
            lambda n: [salesforce_id("Account", 900_000 + i) for i in range(n)],
            says_how_long_to_wait=False,
            delete={
                Kind.CUSTOMER: "/services/data/v66.0/sobjects/Account/{}",
                Kind.CHANGE_ORDER: "/services/data/v66.0/sobjects/Change_Order__c/{}",
            },
        ),
        System(
            "netsuite",
            _netsuite,
            Kind.PROJECT,
            "financial_status",
            ("jobbillingtype", "subsidiary", "revenueplan"),
            "stamp",
            lambda n: [netsuite_id("job", 900_000 + i) for i in range(n)],
            delete={
                Kind.PROJECT: "/services/rest/record/v1/job/{}",
                Kind.TIME_ENTRY: "/services/rest/record/v1/timeBill/{}",
            },
        ),
        System(
            "kantata",
            _kantata,
            Kind.PROJECT,
            "name",
            ("custom_field_values", "participations", "external_references"),
            "title",
            lambda n: [kantata_id("workspace", 900_000 + i) for i in range(n)],
            renews_tokens=False,
            more_than_a_call_takes=2000,
            delete={Kind.TASK: "/api/v1/stories/{}"},
        ),
        System(
            "workday",
            _workday,
            Kind.RESOURCE,
            "name",
            ("costRate", "hireDate", "workerSkills", "approvedTimeOff", "workSchedules", "holidays"),
            "fullName",
            lambda n: [workday_wid("worker", f"nobody-{i}") for i in range(n)],
        ),
    )
}


def connect(
    system: System,
    sandbox: RunningSandbox,
    *,
    secret: str | None = None,
    versions: Versions = VERSIONS,
    **arguments: Any,
) -> Connection:
    """The adapter on a sandbox, patient by default: three attempts of five seconds, a breaker that stays closed."""
    recorder = Recorder()
    defaults = {
        "limits": Limits(concurrent=5, timeout_s=TIMEOUT_S, attempts=3),
        "breaker": Breaker(threshold=1000),
        "client_factory": recorder,
    }
    adapter, transport = system.connect(sandbox, {**defaults, **arguments}, secret, versions)
    return Connection(adapter, transport, recorder)
