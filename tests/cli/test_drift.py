"""drift, approve, discard and lock: what a person sees and decides."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector_assets.ledger.audit_records import DriftStatus, HeldPackage, SeenDrift
from connector_assets.ledger.drift import identify_drift
from connector_assets.ledger.store import Ledger
from connector_assets.lock import Lock, LockedColumn, LockedStream, load_lock, save_lock
from connector_assets.model import DriftKind, DriftPolicy
from tests.cli.conftest import Close, Run

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def open_event(ledger: Ledger, *, policy: str = "block", new: str = "text") -> int:
    column, kind = ("total",), DriftKind.TYPE_CHANGED
    seen = SeenDrift(
        environment="dev",
        connector="shop",
        stream="orders",
        column=column,
        kind=kind,
        old="bigint",
        new=new,
        identity=identify_drift(stream="orders", column=column, kind=kind, old="bigint", new=new),
        policy=DriftPolicy(policy),
        sync_id="s1",
        at=NOW,
        sample={"rows": 212, "of": 48190, "shown": [{"total": "99 xxx", "id": None}]},
    )
    (event,) = ledger.drift.see([seen])
    return event.id


def hold(ledger: Ledger, place: Path) -> None:
    place.write_text("package")
    ledger.packages.hold(
        HeldPackage(
            package_id="p1",
            sync_id="7f3a91bc0001",
            environment="dev",
            connector="shop",
            base_version=0,
            place=str(place),
            size=7,
            held_at=NOW,
        )
    )


def write_lock(root: Path) -> None:
    columns = {"id": LockedColumn(type="bigint"), "total": LockedColumn(type="bigint")}
    save_lock(Lock(connector="shop", streams={"orders": LockedStream(columns=columns)}), root=root)


def test_drift_list_names_place_change_and_next_step(run: Run, ledger: Ledger) -> None:
    number = open_event(ledger)

    shown = run("drift", "list")

    assert shown.code == 0
    assert f"{number}" in shown.out
    assert "shop.orders.total" in shown.out
    assert "type_changed: bigint -> text" in shown.out
    assert "connectors approve shop --release" in shown.out


def test_drift_show_json_has_events_and_what_is_held(
    run: Run, ledger: Ledger, tmp_path: Path
) -> None:
    open_event(ledger)
    hold(ledger, tmp_path / "p1.tar.gz")

    content = run("drift", "show", "shop", "--json").json

    (event,) = content["events"]
    assert (event["stream"], event["column"], event["kind"]) == ("orders", "total", "type_changed")
    assert [one["sync_id"] for one in content["held"]] == ["7f3a91bc0001"]


def test_drift_diff_shows_what_the_lock_would_become(
    run: Run, ledger: Ledger, project: Path
) -> None:
    write_lock(project)
    open_event(ledger)

    lines = run("drift", "diff", "shop").out.splitlines()

    assert [line.strip() for line in lines if line.startswith(("+ ", "- "))] == [
        '-          "type": "bigint"',
        '+          "type": "text"',
    ]


def test_approve_names_what_it_approved_and_who(run: Run, ledger: Ledger) -> None:
    open_event(ledger)

    (event,) = run("approve", "shop", "--json").json

    assert event["status"] == "approved"
    assert "@" in event["settled_by"]
    assert ledger.drift.find(environment="dev") == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("approve", "shop"), "shop has no open drift in environment dev"),
        (("approve", "shop", "--event", "99"), "shop has no open drift event 99"),
        (("lock", "update"), "name a connector, or say --all"),
        (("lock", "update", "shop"), "shop has no lock yet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_nothing_to_decide_is_said(
    run: Run, ledger: Ledger, words: tuple[str, ...], problem: str
) -> None:
    shown = run(*words)

    assert shown.code == 3
    assert problem in shown.err


def test_approve_takes_the_rows_that_were_refused_of_what_is_held(
    run: Run, ledger: Ledger, close: Close, tmp_path: Path
) -> None:
    sync_id = close("7f3a91bc0001")
    gate = {"decision": "block", "refused": ["orders is empty, and it was read in full"]}
    ledger.syncs.record(sync_id, attempt=1, layer="gate", payload=gate)
    hold(ledger, tmp_path / "p1.tar.gz")

    shown = run("approve", "shop")

    assert shown.code == 0
    assert "rows are taken as they are: sync 7f3a91bc" in shown.out
    assert "connectors release 7f3a91bc" in shown.out
    (held,) = ledger.packages.held(environment="dev")
    assert held.approved_by is not None


def test_lock_update_writes_what_was_approved(run: Run, ledger: Ledger, project: Path) -> None:
    write_lock(project)
    open_event(ledger)
    run("approve", "shop")

    shown = run("lock", "update", "--all", "--json")

    assert shown.json == [{"connector": "shop", "folded": 1}]
    lock = load_lock("shop", root=project)
    assert lock is not None
    assert lock.streams["orders"].columns["total"].type == "text"
    locked = ledger.drift.find(environment="dev", statuses=[DriftStatus.LOCKED])
    assert len(locked) == 1


def test_discard_drops_the_package(run: Run, ledger: Ledger, close: Close, tmp_path: Path) -> None:
    sync_id = close("7f3a91bc0001")
    place = tmp_path / "p1.tar.gz"
    place.write_text("package")
    held = HeldPackage(
        package_id="p1",
        sync_id=sync_id,
        environment="dev",
        connector="shop",
        base_version=0,
        place=str(place),
        size=7,
        held_at=NOW,
    )
    ledger.packages.hold(held)

    shown = run("discard", sync_id[:8], "--json")

    assert json.loads(shown.out)["sync_id"] == sync_id
    assert not place.exists()
    again = run("discard", sync_id)
    assert (again.code, "has a package discarded by" in again.err) == (3, True)


def test_drift_diff_shows_how_many_rows_and_their_shape(
    run: Run, ledger: Ledger, project: Path
) -> None:
    open_event(ledger)
    write_lock(project)

    shown = run("drift", "diff", "shop")
    content = run("drift", "diff", "shop", "--json").json

    assert "orders.total type_changed: bigint -> text, 212 of 48,190 rows" in shown.out
    assert "99 xxx" in shown.out
    assert content["events"][0]["sample"]["rows"] == 212
