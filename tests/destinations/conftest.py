"""An S3 of this session's own: moto's server on loopback, with one bucket."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "lake"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The host and port of the S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{endpoint}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret/with+signs",
    )
    client.create_bucket(Bucket=BUCKET)
    yield endpoint
    server.stop()
