"""Hubs that start, share a database, lose each other, lose Redis: readers notice little of it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sources.sandbox.firm.vendor_ids import kantata_id
from tests.support.postgres import conninfo
from tests.support.redis import RedisServer
from tests.support.stack import Client, FirmSandboxes, start_firm, start_hub, start_hub_process, until

pytestmark = pytest.mark.xdist_group("replicas")

FIRST_LOAD_CALLS = 50
"""A first load takes about 42 calls; two hubs that both loaded would make twice as many."""
RENAME = "mutation($input: UpdateProjectInput!) { updateProject(input: $input) { status errors { code } } }"
COUNT = "{ projects { totalCount } }"
FEEDS_DONE = "SELECT count(*) FILTER (WHERE first_load_done_at IS NOT NULL), count(*) FROM watermark"


@pytest.fixture(scope="module")
def module_firm() -> Iterator[FirmSandboxes]:
    """Give sandboxes that this module's hubs share."""
    with start_firm() as firm:
        yield firm


@pytest.fixture
def firm(module_firm: FirmSandboxes) -> Iterator[FirmSandboxes]:
    """Give them without faults."""
    module_firm.clear_faults()
    module_firm.forget_requests()
    yield module_firm
    module_firm.clear_faults()


def test_a_hub_starts_while_a_system_is_down_and_loads_it_when_it_returns(
    firm: FirmSandboxes, migrated_database: str, tmp_path: Path
) -> None:
    """Ready, with the system listed; what the others know is served meanwhile."""
    firm["netsuite"].set_fault("down")
    with start_hub(firm, migrated_database, tmp_path) as hub:
        hub.wait_until_ready()
        assert hub.ready()["systems"] == {
            "salesforce": "done",
            "kantata": "done",
            "workday": "done",
            "netsuite": "down",
        }
        query = "{ projects(first: 50) { nodes { code stage revenue { period } } } }"
        projects = hub.ask(query).data["projects"]["nodes"]
        assert len(projects) == sum(p.in_psa for p in firm.firm.projects)
        assert not any(p["stage"] == "IN_DELIVERY" for p in projects)
        firm.clear_faults()
        until(lambda: hub.ready()["systems"]["netsuite"] == "done", 30)
        until(lambda: any(p["revenue"] for p in hub.ask(query).data["projects"]["nodes"]), 10)


def test_what_one_hub_learns_the_other_knows(
    firm: FirmSandboxes, migrated_database: str, tmp_path: Path, private_redis: RedisServer
) -> None:
    """And feeds run once, not once per hub; without Redis both still answer."""
    settings: dict[str, Any] = {"redis_url": private_redis.url, "feed_seconds": 600}
    with (
        start_hub(firm, migrated_database, tmp_path, **settings) as one,
        start_hub(firm, migrated_database, tmp_path, **settings) as other,
    ):
        one.wait_until_ready()
        other.wait_until_ready()
        assert sum(firm.calls("feed").values()) <= FIRST_LOAD_CALLS
        query = "query Q($code: String) { project(code: $code) { name records { system version } } }"
        code = {"code": next(p.code for p in firm.firm.projects if p.in_psa)}
        key = kantata_id("workspace", next(p.n for p in firm.firm.projects if p.in_psa))
        before = one.ask(query, code).data
        assert other.ask(query, code).data == before
        firm.change("kantata", "PUT", f"/api/v1/workspaces/{key}", json={"workspace": {"title": "Read through"}})
        assert one.fresh(query, code).data["project"]["name"] == "Read through"
        firm.change("kantata", "PUT", f"/api/v1/workspaces/{key}", json={"workspace": {"title": "By feed"}})
        one.run_feeds()
        until(lambda: other.ask(query, code).data["project"]["name"] == "By feed", 3)
        assert one.ask(query, code).data["project"]["name"] == "By feed"
        private_redis.stop()
        for hub in (one, other):
            for answer in (hub.ask(query, code), hub.fresh(query, code)):
                assert answer.data["project"]["name"] == "By feed"
                assert answer.seconds < 2


def test_what_is_written_through_one_hub_is_read_through_the_other_at_once(
    firm: FirmSandboxes, migrated_database: str, tmp_path: Path, private_redis: RedisServer
) -> None:
    """While both are being read all the time, with Redis, without it when it is killed, and after the other is gone."""
    settings: dict[str, Any] = {"redis_url": private_redis.url, "feed_seconds": 600}
    query = "query Q($id: ID!) { project(id: $id) { name } projects(first: 50) { nodes { id name } } }"
    with (
        start_hub(firm, migrated_database, tmp_path, **settings) as one,
        start_hub_process(firm, migrated_database, tmp_path, "other", redis_url=private_redis.url) as other,
    ):
        one.wait_until_ready()
        other.wait_until_ready()
        (project,) = one.ask("{ projects(first: 1, filter: {stage: IN_DELIVERY}) { nodes { id } } }").data["projects"][
            "nodes"
        ]
        done = threading.Event()
        readers = [threading.Thread(target=_read_on, args=(hub, query, project, done)) for hub in (one, other)]
        for reader in readers:
            reader.start()
        try:
            for n in range(24):
                if n == 16:
                    private_redis.stop()
                writer, reading = (one, other) if n % 2 else (other, one)
                given = {"idempotencyKey": f"key {n}", "id": project["id"], "name": f"Name {n}"}
                assert writer.ask(RENAME, {"input": given}).data["updateProject"]["status"] == "APPLIED"
                answer = reading.ask(query, project).data
                names = {p["id"]: p["name"] for p in answer["projects"]["nodes"]}
                assert (answer["project"]["name"], names[project["id"]]) == (f"Name {n}", f"Name {n}")
        finally:
            done.set()
            for reader in readers:
                reader.join()
        other.kill()
        given = {"idempotencyKey": "last", "id": project["id"], "name": "Alone"}
        assert one.ask(RENAME, {"input": given}).data["updateProject"]["status"] == "APPLIED"


def _read_on(hub: Client, query: str, variables: dict[str, Any], done: threading.Event) -> None:
    """Read as fast as it goes, now and then through to the systems, on connections of its own."""
    reader = Client(hub.url, hub.data_dir)
    while not done.is_set():
        for _ in range(4):
            reader.ask(query, variables)
        reader.fresh(query, variables)
    reader.http.close()


def test_a_killed_hub_in_the_middle_of_its_first_load_is_replaced(
    firm: FirmSandboxes, migrated_database: str, tmp_path: Path
) -> None:
    """The other one goes on where it was, within seconds."""
    for system in firm.by_system:
        firm[system].set_fault("slow", delay_s=0.25)
    with (
        start_hub_process(firm, migrated_database, tmp_path, "first") as first,
        start_hub_process(firm, migrated_database, tmp_path, "second", log_level="info") as second,
    ):
        until(lambda: _loaded(migrated_database)[0] >= 4, 30)
        first.kill()
        done, of = _loaded(migrated_database)
        assert done < of
        firm.clear_faults()
        second.wait_until_ready(30)
        assert _loaded(migrated_database) == (of, of)
        assert second.ask(COUNT).data["projects"]["totalCount"] == len(firm.firm.projects)


def _loaded(url: str) -> tuple[int, int]:
    """How many feeds have done their first load, and how many there are."""
    with psycopg.connect(conninfo(url)) as connection:
        row = connection.execute(FEEDS_DONE).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
