"""The versions of one installation that stands for any."""

from __future__ import annotations

from sources.versions import Versions

VERSIONS = Versions(b"the secret of an installation in tests")
ELSEWHERE = Versions(b"the secret of another installation")
