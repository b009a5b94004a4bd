"""What the demo keeps between two starts: its tenants' credentials and the day as of which the firm was made."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sources.sandbox.credentials import HubSecrets, SandboxCredentials, from_json, generate, to_json


@dataclass(frozen=True, slots=True)
class Tenants:
    """The demo's tenants; `sandbox_file` is the half that the sandboxes read, `today` the firm's day."""

    credentials: SandboxCredentials
    secrets: HubSecrets
    sandbox_file: Path
    today: date

    def environment(self) -> dict[str, str]:
        """The variables that hub/demo/estate.toml names."""
        sandbox, mine = self.credentials, self.secrets
        return {
            "HUB_DEMO_SALESFORCE_CLIENT_ID": sandbox.salesforce.client_id,
            "HUB_DEMO_SALESFORCE_KEY": mine.salesforce_private_key_pem,
            "HUB_DEMO_KANTATA_TOKEN": sandbox.kantata.token,
            "HUB_DEMO_NETSUITE_CLIENT_ID": sandbox.netsuite.client_id,
            "HUB_DEMO_NETSUITE_CERTIFICATE_ID": sandbox.netsuite.certificate_id,
            "HUB_DEMO_NETSUITE_KEY": mine.netsuite_private_key_pem,
            "HUB_DEMO_WORKDAY_CLIENT_ID": sandbox.workday.client_id,
            "HUB_DEMO_WORKDAY_SECRET": sandbox.workday.client_secret,
            "HUB_DEMO_WORKDAY_REFRESH_TOKEN": sandbox.workday.refresh_token,
        }


def tenants_in(folder: Path) -> Tenants:
    """The tenants kept in the folder, made anew where there are none; files are for their owner's eyes only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sandbox_file, secrets_file, day_file = folder / "tenants.json", folder / "keys.json", folder / "day.txt"
    if not (sandbox_file.exists() and secrets_file.exists() and day_file.exists()):
        credentials, secrets = generate()
        _write(sandbox_file, to_json(credentials))
        _write(secrets_file, json.dumps(asdict(secrets)))
        _write(day_file, datetime.now(UTC).date().isoformat())
    return Tenants(
        from_json(sandbox_file.read_text()),
        HubSecrets(**json.loads(secrets_file.read_text())),
        sandbox_file,
        date.fromisoformat(day_file.read_text().strip()),
    )


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
