"""The five packages have generic names: nobody else may claim them, and each must be ours from anywhere."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("hub", "schema", "resolvers", "sources", "cache")
DISTRIBUTION = "plumbline-hub"
LOCK_FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))

PRINT_ORIGINS = f"""
import importlib.util, json
print(json.dumps({{name: importlib.util.find_spec(name).origin for name in {OURS!r}}}))
"""


def test_no_other_distribution_claims_our_names() -> None:
    """An installed stranger named `schema` or `cache` would win or overwrite ours, depending on how it came."""
    claimed = importlib.metadata.packages_distributions()
    strangers = {name: set(claimed.get(name, ())) - {DISTRIBUTION} for name in OURS}
    assert not any(strangers.values()), strangers


def test_each_name_is_ours_from_another_directory(tmp_path: Path) -> None:
    """Inside the repository the current directory hides a wrong installation, so this runs elsewhere."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PRINT_ORIGINS], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {name: str(ROOT / name / "__init__.py") for name in OURS}


def test_importing_a_package_starts_nothing() -> None:
    """`hub` is the outermost and the innermost ring: an import in its `__init__` would start the application."""
    for name in OURS:
        statements = (ROOT / name / "__init__.py").read_text().strip()
        assert statements.startswith('"""')
        assert statements.endswith('"""')
        assert "import " not in statements


@pytest.mark.parametrize("name", LOCK_FILES)
def test_python_lock_carries_no_address(name: str) -> None:
    """A lock names versions and hashes; where they come from is the machine's business."""
    text = (ROOT / name).read_text()
    assert "==" in text
    assert "--hash=" in text
    assert "://" not in text


def test_web_lock_carries_no_registry_address() -> None:
    """The same for npm, whose lock may hold addresses of authors' donation pages but not of packages."""
    lock = json.loads((ROOT / "deploy" / "web" / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    assert [path for path, entry in packages.items() if "resolved" in entry] == []
    assert [path for path, entry in packages.items() if "integrity" not in entry] == []
