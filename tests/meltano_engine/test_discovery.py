"""What a tap offers, by its catalog, in the types that a sync loads."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from connector_assets.audit.drift import diff_streams
from connector_assets.audit.observe import introduce
from connector_assets.audit.profile import parse_profiles
from connector_assets.engines.batch import describe_batch
from connector_assets.engines.discovery import DiscoveredStream, build_lock, discover
from connector_assets.errors import ConfigError, ConnectorError, CredentialError
from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import Connector

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

ORDERS = stream("orders", cursor="updated_at", primary_key=("id",))


def find(bench: Bench, declared: Connector, **secrets: str) -> dict[str, DiscoveredStream]:
    scratch = bench.root.with_name("scratch")
    scratch.mkdir(exist_ok=True)
    return discover(declared, root=bench.root, environment="dev", secrets=secrets, scratch=scratch)


def test_streams_have_the_columns_that_a_sync_loads(bench: Bench) -> None:
    declared = connector("tap-well-behaved", ORDERS)

    found = find(bench, declared)

    orders, customers = found["orders"], found["customers"]
    assert (orders.declared, orders.sampled, customers.declared) == (True, False, False)
    assert orders.structure == LockedStream(
        columns={
            "id": LockedColumn(type="bigint", nullable=False),
            "name": LockedColumn(type="text"),
            "price": LockedColumn(type="decimal(38,2)"),
            "updated_at": LockedColumn(type="timestamp"),
        },
        primary_key=("id",),
        cursor="updated_at",
    )
    assert customers.structure.columns["price"].type == "decimal(38,2)"
    assert (customers.structure.primary_key, customers.structure.cursor) == (("id",), "updated_at")


def test_a_lock_is_the_structure_that_a_sync_then_shows(bench: Bench) -> None:
    declared = connector("tap-well-behaved", ORDERS)
    lock = build_lock(declared, list(find(bench, declared).values()), old=None)

    bench.stage(declared)

    batch = describe_batch(declared, bench.work(declared) / "pipelines", positions={})
    shown = {name: introduce(one) for name, one in parse_profiles(batch["profiles"]).items()}
    assert list(lock.streams) == ["orders"]
    assert diff_streams(lock.streams, shown) == ()


def test_a_column_that_is_not_selected_is_not_discovered(bench: Bench) -> None:
    file = bench.root / "meltano.yml"
    content = yaml.safe_load(file.read_text())
    (tap,) = (
        each for each in content["plugins"]["extractors"] if each["name"] == "tap-well-behaved"
    )
    tap["select"] = ["orders.*", "!orders.price"]
    file.write_text(yaml.safe_dump(content))

    found = find(bench, connector("tap-well-behaved", ORDERS))

    assert sorted(found["orders"].structure.columns) == ["id", "name", "updated_at"]


def test_discovery_leaves_the_project_and_the_scratch_to_the_caller(
    bench: Bench, tmp_path: Path
) -> None:
    before = {path for path in bench.root.rglob("*") if ".connectors" not in path.parts}

    declared = connector("tap-well-behaved", ORDERS, secrets={"token": "env:T"})
    find(bench, declared, token="s3cret-of-the-tap")

    after = {path for path in bench.root.rglob("*") if ".connectors" not in path.parts}
    assert {path.relative_to(bench.root).parts[0] for path in after - before} <= {".meltano"}
    files = (path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink())
    assert not [path for path in files if b"s3cret-of-the-tap" in path.read_bytes()]


def test_a_stream_that_is_not_offered_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="offers no stream 'oders'") as caught:
        find(bench, connector("tap-well-behaved", stream("oders")))

    assert "Did you mean 'orders'?" in caught.value.fix


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("tap-refuses-credentials", CredentialError, "failed in discovery"),
        ("tap-nowhere", ConfigError, "is not an extractor"),
    ],
)
def test_a_discovery_that_fails_has_its_class_and_no_secret(
    bench: Bench, source: str, kind: type[ConnectorError], words: str
) -> None:
    config = {"in_discovery": True, "message": "401 Client Error for token ${token}"}
    declared = connector(source, config=config, secrets={"token": "env:T"})

    with pytest.raises(kind, match=words) as caught:
        find(bench, declared, token="s3cret-of-the-tap")

    assert caught.value.connector == "shop"
    assert "s3cret" not in str(caught.value)
