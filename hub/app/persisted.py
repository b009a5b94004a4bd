"""Documents that a request names instead of sending: trusted ones, and those that clients have sent before.

*Trusted documents* come from a manifest that a firm registers with its dashboards' releases; they are named
by their id (`documentId`) or by the SHA-256 of their text. *Automatic persisted queries* follow Apollo's protocol:
a client names the SHA-256 of its text, is told PERSISTED_QUERY_NOT_FOUND once, and sends text and digest then.
In strict mode only trusted documents are executed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson
from graphql import DocumentNode, FieldNode, OperationDefinitionNode

from hub.app.messages import Parameters, Refused
from hub.errors import ConfigError

TEXTS_IN_MEMORY = 1_000
LONGEST_KEPT = 20_000
_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
_PREFIX = "sha256:"


class PersistedQueryNotFound(Exception):
    """The digest is of no text that is known here; the client sends the text as well then."""

    code = _NOT_FOUND

    def __init__(self) -> None:
        # Clients compare the message as well as the code.
        super().__init__("PersistedQueryNotFound")


class SharedTexts(Protocol):
    """Texts that all replicas know; may forget, and never raises."""

    async def get(self, digest: str) -> str | None:
        """The text with that digest."""
        ...

    async def put(self, digest: str, text: str) -> None:
        """Keep a text."""
        ...


def digest_of(text: str) -> str:
    """The SHA-256 of a text, as clients compute it."""
    return hashlib.sha256(text.encode()).hexdigest()


class Persisted:
    """The texts behind ids and digests."""

    def __init__(
        self, trusted: Mapping[str, str], *, only_trusted: bool = False, shared: SharedTexts | None = None
    ) -> None:
        self._trusted = trusted
        self._by_digest = {digest_of(text): text for text in trusted.values()}
        self._trusted_texts = frozenset(trusted.values())
        self._shared = shared
        self._sent: OrderedDict[str, str] = OrderedDict()
        self.only_trusted = only_trusted

    def __len__(self) -> int:
        """How many texts that clients have sent are in memory."""
        return len(self._sent)

    def trusts(self, text: str) -> bool:
        """Whether the text is a registered document."""
        return text in self._trusted_texts

    async def text(self, asked: Parameters) -> str:
        """The text that is meant. Raises PersistedQueryNotFound, or Refused for what can never be found."""
        if asked.document_id is not None:
            return self._registered(asked.document_id)
        if asked.query is not None:
            if asked.digest is not None and asked.digest != digest_of(asked.query):
                raise Refused(400, "sha256Hash is not that of the query", "PERSISTED_QUERY_HASH_MISMATCH")
            return asked.query
        return await self._known(asked.digest or "")

    def _registered(self, document_id: str) -> str:
        text = self._trusted.get(document_id)
        if text is None and document_id.startswith(_PREFIX):
            text = self._by_digest.get(document_id.removeprefix(_PREFIX))
        if text is None:
            raise Refused(404, "no document is registered under this documentId", "DOCUMENT_NOT_FOUND")
        return text

    async def _known(self, digest: str) -> str:
        trusted = self._by_digest.get(digest)
        if trusted is not None:
            return trusted
        if self.only_trusted:
            raise Refused(404, "no registered document has this sha256Hash", "DOCUMENT_NOT_FOUND")
        sent = self._sent.get(digest)
        if sent is not None:
            self._sent.move_to_end(digest)
            return sent
        shared = None if self._shared is None else await self._shared.get(digest)
        # What is shared is not taken on trust: a text stands for its own digest only.
        if shared is None or digest_of(shared) != digest:
            raise PersistedQueryNotFound
        self._keep(digest, shared)
        return shared

    async def register(self, digest: str, text: str) -> None:
        """Keep a valid text that a client has sent with its digest, which has been compared."""
        if len(text) > LONGEST_KEPT or digest in self._sent or digest in self._by_digest:
            return
        self._keep(digest, text)
        if self._shared is not None:
            await self._shared.put(digest, text)

    def _keep(self, digest: str, text: str) -> None:
        self._sent[digest] = text
        if len(self._sent) > TEXTS_IN_MEMORY:
            self._sent.popitem(last=False)


def only_introspects(document: DocumentNode) -> bool:
    """Whether every operation asks for nothing but the schema's description."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    return all(
        isinstance(one, FieldNode) and one.name.value.startswith("__")
        for operation in operations
        for one in operation.selection_set.selections
    )


# -- the manifest -----------------------------------------------------------------------------------


def read_manifest(path: Path) -> dict[str, str]:
    """Documents by id from a file: `{"id": "text"}`, or Apollo's manifest format. Raises ConfigError."""
    try:
        given = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise ConfigError([f"HUB_TRUSTED_DOCUMENTS: {path} cannot be read as JSON"]) from problem
    documents = _of_apollo(given) if _is_apollos(given) else given
    if not isinstance(documents, dict) or not all(isinstance(text, str) for text in documents.values()):
        raise ConfigError([f"HUB_TRUSTED_DOCUMENTS: {path} is not an object of documents by id"])
    return documents


def _is_apollos(given: Any) -> bool:
    return isinstance(given, dict) and given.get("format") == "apollo-persisted-query-manifest"


def _of_apollo(given: Any) -> Any:
    try:
        return {operation["id"]: operation["body"] for operation in given["operations"]}
    except (KeyError, TypeError):
        return None
