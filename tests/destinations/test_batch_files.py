"""BATCH files in a bucket, loaded from there by connector-target as a process."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from connector_assets.destinations.connect import connected
from connector_assets.singer.settings import load_config

from .conftest import BUCKET

pytestmark = pytest.mark.integration
SCHEMA = {
    "type": "SCHEMA",
    "stream": "s",
    "schema": {"properties": {"id": {"type": "integer"}}},
    "key_properties": ["id"],
}


@pytest.fixture
def variables(s3_endpoint: str) -> dict[str, str]:
    """What the environment says of the S3."""
    return {
        "AWS_ENDPOINT_URL": f"http://{s3_endpoint}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret/with+signs",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def load(folder: Path, url: str, *, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    config = {"destination": "duckdb:///x.duckdb", "dataset": "shop"}
    (folder / "config.json").write_text(json.dumps(config))
    encoding = {"format": "jsonl", "compression": "gzip"}
    batch: dict[str, Any] = {"type": "BATCH", "stream": "s", "encoding": encoding}
    program = [sys.executable, "-m", "connector_assets.singer.target", "--config"]
    return subprocess.run(
        [*program, str(folder / "config.json")],
        input="\n".join(map(json.dumps, (SCHEMA, {**batch, "manifest": [url]}))),
        env={**os.environ, **variables},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_batch_files_are_read_from_a_bucket_and_left_there(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret/with+signs",
    )
    content = gzip.compress(b'{"id":1}\n{"id":2}\n')
    client.put_object(Bucket=BUCKET, Key="batches/1.json.gz", Body=content)

    done = load(tmp_path, f"s3://{BUCKET}/batches/1.json.gz", variables=variables)

    assert (done.returncode, done.stderr) == (0, "")
    destination = load_config(tmp_path / "config.json").destination
    with connected(destination, secrets={}) as connection:
        assert connection.sql("SELECT id FROM shop.s ORDER BY id").fetchall() == [(1,), (2,)]
    assert client.get_object(Bucket=BUCKET, Key="batches/1.json.gz")["Body"].read() == content


def test_a_batch_file_that_is_not_in_the_bucket_is_refused(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    url = f"s3://{BUCKET}/batches/gone.json.gz"

    done = load(tmp_path, url, variables=variables)

    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr.startswith(f"connector-target: stream 's': {url}: the tap sent a BATCH")
