"""Settings and estate: every mistake is reported at once, and no secret is ever printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.estate import read_estate
from hub.settings import read_settings
from hub.wiring.hub import read_configuration
from hub.wiring.systems import connect_all
from tests.support.versions import VERSIONS

SECRET = "s3cr3t-never-printed"
ENVIRON = {"HUB_TOKEN": SECRET, "HUB_OTHER": SECRET}
KANTATA = """
[systems.kantata]
vendor = "kantata"
url = "https://api.example.com"
auth = { flow = "bearer", token = { env = "HUB_TOKEN" } }
"""


def _problems(tmp_path: Path, text: str, environ: Mapping[str, str] = ENVIRON, **files: str) -> tuple[str, ...]:
    for name, body in files.items():
        (tmp_path / f"{name}.toml").write_text(body)
    estate = tmp_path / "estate.toml"
    estate.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_estate(estate, environ)
    assert SECRET not in str(error.value)
    assert SECRET not in repr(error.value)
    return error.value.problems


def test_two_systems_of_one_domain_work_from_the_start(tmp_path: Path) -> None:
    """A firm that grew by acquisition has two PSAs, and more than one way to sign in."""
    estate = tmp_path / "estate.toml"
    estate.write_text('name = "Firm"' + KANTATA + KANTATA.replace("systems.kantata", "systems.kantata-eu"))
    read = read_estate(estate, ENVIRON)
    assert [(key, s.domain) for key, s in read.systems.items()] == [("kantata", "PSA"), ("kantata-eu", "PSA")]
    assert read.secret_names == {"HUB_TOKEN"}
    assert SECRET not in repr(read)
    assert set(connect_all(read, lambda _, __: None, VERSIONS)) == {"kantata", "kantata-eu"}


def test_all_mistakes_of_estate_and_reference_are_listed_together(tmp_path: Path) -> None:
    """One start, one list."""
    problems = _problems(
        tmp_path,
        'reference = "reference.toml"\ncolour = "blue"'
        + KANTATA.replace('"https://api.example.com"', '"not an address"')
        + KANTATA.replace("systems.kantata", "systems.b").replace("HUB_TOKEN", "HUB_UNSET")
        + '[systems.c]\nvendor = "sap"\n',
        reference='practices = [{ code = "A", name = "A", parent = "Z" }]\n'
        'sold_to_delivery = [{ from = "X", to = "Y" }, { from = "X", to = "Z" }]',
    )
    for part in (
        "name: is missing",
        "colour",
        "systems.kantata.url",
        "HUB_UNSET is not set",
        "systems.c.vendor",
        "no parent Z",
        "'X' maps to both",
    ):
        assert any(part in problem for problem in problems), part


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (KANTATA.replace('{ env = "HUB_TOKEN" }', f'"{SECRET}"'), 'must be written as { env = "NAME" }'),
        (KANTATA.replace('"bearer", token', '"client_credentials", client_id = "x", client_secret'), "in by bearer"),
        (KANTATA.replace("bearer", "magic"), "auth"),
        (KANTATA + "limits = { concurrent = 0 }", "limits.concurrent"),
        (KANTATA + 'limit = "typo"', "limit"),
        (KANTATA + 'time_zone = "Mars/Base"', "no such zone"),
        ("[systems]", "systems"),
        ("not toml", "not valid TOML"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_place(tmp_path: Path, text: str, says: str) -> None:
    """Place in the file and what is wrong, never the value."""
    assert any(says in problem for problem in _problems(tmp_path, 'name = "Firm"\n' + text))


def test_a_missing_file_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    """The path is told."""
    with pytest.raises(ConfigError, match="nowhere"):
        read_estate(tmp_path / "nowhere.toml", {})


@pytest.mark.parametrize(
    "environ", [{"HUB_PORT": "http"}, {"HUB_DATABASE_URL": f"mysql://u:{SECRET}@h/d"}, {"HUB_REDIS_URL": SECRET}]
)
def test_a_bad_setting_names_its_variable_and_not_its_value(environ: dict[str, str]) -> None:
    """A URL may hold a password."""
    with pytest.raises(ConfigError) as error:
        read_settings(environ)
    assert next(iter(environ)) in str(error.value)
    assert SECRET not in str(error.value)


def test_an_unknown_variable_stops_the_start_unless_the_estate_names_it(tmp_path: Path) -> None:
    """A typo in a setting's name must not be ignored."""
    estate = tmp_path / "estate.toml"
    estate.write_text('name = "Firm"' + KANTATA)
    environ = {"HUB_ESTATE": str(estate), "HUB_TOKEN": SECRET, "HUB_TEST_X": "of the tests"}
    assert read_configuration(read_settings(environ), environ).name == "Firm"
    with pytest.raises(ConfigError, match="HUB_PROT: there is no such setting"):
        read_configuration(read_settings(environ), {**environ, "HUB_PROT": "8000"})
