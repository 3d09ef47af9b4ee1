"""The rules of connectors.yaml that need more than one of its keys."""

from __future__ import annotations

from collections.abc import Iterator

from connector_assets.config import DestinationBlock, ProjectFile
from connector_assets.config_alerts import list_addresses
from connector_assets.credentials.references import find_plain_secrets, find_references
from connector_assets.errors import ConfigError
from connector_assets.model import DestinationKind
from connector_assets.naming import RESERVED_DESTINATIONS
from connector_assets.yaml_marks import Document, KeyPath

CATALOGS = ("sqlite", "duckdb", "postgresql")
_KEYS = {
    DestinationKind.DUCKDB: ("path",),
    DestinationKind.DUCKLAKE: ("catalog", "data_path"),
}
_HEARTBEATS = ("http://", "https://", "env:", "file:", "command:")
_AIRFLOWS_POOL = "default_pool"
_OPTIONAL_KEYS = {DestinationKind.DUCKLAKE: ("storage", "secrets")}


def check_file(file: ProjectFile, document: Document) -> Iterator[ConfigError]:
    """Yield each rule that connectors.yaml breaks, with its line."""
    known, usual = tuple(file.environments), file.default_environment
    if usual and known and usual not in known:
        yield ConfigError(
            f"the environment {usual!r} is not one of connectors.yaml",
            place=document.place(("default_environment",)),
            value=usual,
            valid=known,
        )
    for name, block in file.destinations.items():
        yield from _check_destination(name, block, document=document)
    yield from _check_addresses(file, document)
    if file.heartbeat and not file.heartbeat.url.startswith(_HEARTBEATS):
        yield ConfigError(
            "this is no page that a heartbeat can reach",
            place=document.place(("heartbeat", "url")),
            fix="Write https://..., or env:NAME or file:PATH where it comes from.",
        )
    if _AIRFLOWS_POOL in file.pools:
        yield ConfigError(
            f"{_AIRFLOWS_POOL!r} is the pool that Airflow has for everything else",
            place=document.place(("pools", _AIRFLOWS_POOL)),
            fix="Call the pool otherwise.",
        )
    if file.airflow and (file.airflow.user is None) != (file.airflow.password is None):
        yield ConfigError(
            "the login of Airflow is half there: `user:` and `password:` belong together",
            place=document.place(("airflow",)),
            fix="Write both, or none where it asks for no login.",
        )


def _check_addresses(file: ProjectFile, document: Document) -> Iterator[ConfigError]:
    addresses = {"ledger": file.ledger, "artifacts": file.artifacts}
    alerts = {"alerts": list_addresses(file.alerts)}
    heartbeat = {"heartbeat": file.heartbeat.url} if file.heartbeat else {}
    airflow = {"airflow": file.airflow.url} if file.airflow else {}
    for place in find_plain_secrets({**addresses, **alerts, **heartbeat, **airflow}):
        yield ConfigError(
            f"a secret seems to stand in the file, under `{place[0]}`",
            place=document.place(place),
            fix="Write env:NAME or file:PATH, where the whole URL comes from.",
        )


def _check_destination(
    name: str, block: DestinationBlock, *, document: Document
) -> Iterator[ConfigError]:
    path: KeyPath = ("destinations", name)
    if name in RESERVED_DESTINATIONS:
        fix = "DuckDB has a database of that name: call the destination otherwise."
        yield ConfigError(f"a destination cannot be {name!r}", place=document.place(path), fix=fix)
    needed, optional = _KEYS[block.type], _OPTIONAL_KEYS.get(block.type, ())
    for key in needed:
        if not getattr(block, key):
            problem = f"`destinations.{name}.{key}` is missing"
            fix = f"A {block.type} needs {' and '.join(f'`{one}:`' for one in needed)}."
            yield ConfigError(problem, place=document.place(path), fix=fix)
    given = {key for key, value in block if value}
    for key in sorted(given - {"type", *needed, *optional}):
        problem, place = f"a {block.type} has no {key!r}", document.place((*path, key))
        valid = ("type", *needed, *optional)
        yield ConfigError(problem, place=place, value=key, valid=valid)
    if block.path and block.type is DestinationKind.DUCKDB:
        yield from _check_path(block.path, place=document.place((*path, "path")))
    if block.catalog:
        yield from _check_catalog(block.catalog, place=document.place((*path, "catalog")))
    yield from _check_destination_secrets(block, path=path, document=document)


def _check_path(path: str, *, place: str) -> Iterator[ConfigError]:
    if "://" in path or path.startswith((":memory:", "md:")):
        fix = "Write the path of a file, such as data/warehouse.duckdb."
        yield ConfigError("a duckdb is a file of this machine", place=place, fix=fix)


def _check_catalog(catalog: str, *, place: str) -> Iterator[ConfigError]:
    # Never shown whole: it can hold a password.
    scheme, separator, rest = catalog.partition("://")
    plain = "postgresql" if scheme.startswith("postgresql+") else scheme
    if not separator or plain not in CATALOGS:
        fix = "Write sqlite:///data/lake.sqlite, duckdb:///data/lake.duckdb or postgresql://..."
        yield ConfigError("this is no catalog of a DuckLake", place=place, fix=fix)
    elif plain != "postgresql" and not (rest.startswith("/") and rest.strip("/")):
        fix = f"Write {plain}:///data/lake.{plain}, or four slashes for an absolute path."
        yield ConfigError("the catalog names no file", place=place, fix=fix)


def _check_destination_secrets(
    block: DestinationBlock, *, path: KeyPath, document: Document
) -> Iterator[ConfigError]:
    config = {"catalog": block.catalog, "storage": block.storage}
    for below, name in find_references(config):
        if name not in block.secrets:
            yield ConfigError(
                f"`${{{name}}}` refers to no secret of this destination",
                place=document.place((*path, *below)),
                fix="" if block.secrets else f"Add `secrets: {{{name}: env:NAME}}`.",
                value=name,
                valid=block.secrets,
            )
    for below in find_plain_secrets(config):
        yield ConfigError(
            f"a secret seems to stand in the file, under `{below[-1]}`",
            place=document.place((*path, *below)),
            fix='Write "${name}" for it, and where it comes from under `secrets:`.',
        )
