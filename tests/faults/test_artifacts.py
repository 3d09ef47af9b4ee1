"""Logs on S3: published, read from another machine, and never a reason for a sync to fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from .conftest import NewShop
from .shop import Shop, end

pytestmark = pytest.mark.integration
PLACE = "s3://ops/connectors"


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The environment variables of an S3 on this machine, with the bucket ``ops``."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    options = {"endpoint_url": variables["AWS_ENDPOINT_URL"], "key": "key", "secret": "secret"}
    fsspec.filesystem("s3", **options).mkdir("ops")
    yield variables
    server.stop()


def read_logs(shop: Shop, sync_id: str, variables: dict[str, str]) -> list[str]:
    process = shop.command("logs", sync_id, **variables)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return [json.loads(line)["event"] for line in output.splitlines()]


def test_log_is_published_and_read_from_another_machine(
    new_shop: NewShop, s3: dict[str, str]
) -> None:
    shop = new_shop(project={"artifacts": PLACE})

    # The endpoint and the key are found where every S3 client looks for them.
    code, row = end(shop.start(fault="before_commit:kill", **s3))
    # Another machine has the ledger, and nothing of the work folder.
    shutil.rmtree(shop.root / ".connectors" / "work")

    assert (code, row["verdict"]) == (8, "failed")
    assert "fault point before_commit: kill" in read_logs(shop, row["sync_id"], s3)


def test_storage_that_does_not_answer_loses_neither_load_nor_log(
    new_shop: NewShop, s3: dict[str, str]
) -> None:
    shop = new_shop(project={"artifacts": PLACE})
    gone = {**s3, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}

    sync = shop.start(fault="after_commit:kill", **gone)
    output, errors = sync.communicate(timeout=120)

    assert sync.returncode == 0, errors
    row = json.loads(output)
    assert row["verdict"] == "succeeded"
    assert "the log was not published" in errors
    assert read_logs(shop, row["sync_id"], gone)
    (left,) = (shop.root / ".connectors" / "work").iterdir()
    assert [file.name for file in left.iterdir()] == ["log.jsonl"]
