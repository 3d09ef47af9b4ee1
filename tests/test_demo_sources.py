"""The demo's sources: what prepare.py builds, what api.py serves, what source_counts.py counts."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from connector_assets.cli import demo_project as project

pytestmark = pytest.mark.integration
TOKEN = "a-word-for-this-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = tmp_path_factory.mktemp("demo") / "project"
    project.copy_example(demo)
    project.publish_flights(demo, until="2013-02")
    return demo


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[str]:
    environment = os.environ | {"NYC_API_TOKEN": TOKEN}
    with project.serve_airports(folder, environment=environment) as url:
        yield url


def _get(url: str, *, token: str = TOKEN) -> dict[str, Any]:
    request = Request(url, headers={"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=10) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


def test_flights_arrive_month_by_month(folder: Path) -> None:
    months = sorted(path.name for path in (folder / "source" / "flights").iterdir())

    assert months == ["2013-01.csv", "2013-02.csv"]


def test_database_has_typed_rows_and_nulls(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "source" / "operations.sqlite")) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("airlines", "planes", "weather")
        ]
        first = connection.execute(
            "SELECT typeof(year), typeof(temp), typeof(wind_gust), time_hour FROM weather LIMIT 1"
        ).fetchone()

    assert counts == [16, 3_322, 26_115]
    assert first == ("integer", "real", "null", "2013-01-01 06:00:00.000000")


def test_api_pages_lead_through_all_airports_once(api: str) -> None:
    seen: list[str] = []
    following: str | None = f"{api}airports?per_page=500"
    while following:
        page = _get(following)
        seen += [airport["faa"] for airport in page["data"]]
        following = page["next"]

    assert len(seen) == len(set(seen)) == 1_458


def test_api_serves_typed_values_and_nulls(api: str) -> None:
    first = _get(f"{api}airports?page=1&per_page=1")["data"][0]

    assert first["faa"] == "04G"
    assert (first["lat"], first["alt"]) == (41.1304722, 1044)


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("airports", "wrong", 401),
        ("airports?page=0", TOKEN, 400),
        ("airports?per_page=many", TOKEN, 400),
        ("planes", TOKEN, 404),
    ],
    ids=["wrong token", "no such page", "not a number", "no such path"],
)
def test_api_refuses(api: str, path: str, token: str, status: int) -> None:
    with pytest.raises(HTTPError) as caught:
        _get(f"{api}{path}", token=token)

    assert caught.value.code == status
    caught.value.close()


def test_connector_file_names_the_port_that_serves(api: str, folder: Path) -> None:
    text = (folder / "connectors" / "airports.yaml").read_text()

    assert f'base_url: "{api}"' in text


def test_source_counts_follow_what_was_published(folder: Path) -> None:
    described = json.loads(project.read_sources(folder))

    rows = {stream: source["rows"] for stream, source in described.items()}
    assert rows == {
        "flights": 27_004 + 24_951,
        "airports": 1_458,
        "airlines": 16,
        "planes": 3_322,
        "weather": 26_115,
    }
    assert described["flights"]["columns"]["date"]["greatest"] == "2013-02-28"
    assert described["planes"]["columns"]["speed"]["filled"] == 23


def test_api_takes_another_port_where_the_usual_one_is_taken(folder: Path, api: str) -> None:
    environment = os.environ | {"NYC_API_TOKEN": TOKEN}

    for _ in range(2):  # the second follows one that may have had another port already
        with project.serve_airports(folder, environment=environment) as other:
            assert other != api
            assert f'"{other}"' in (folder / "connectors" / "airports.yaml").read_text()
            assert _get(f"{other}airports")["data"]


def test_api_changes_with_its_version(folder: Path, api: str) -> None:
    answers = []
    for version in ("2", "1"):
        project.publish_api(folder, version=version)
        answers.append(_get(f"{api}airports?page=1&per_page=1")["data"][0])

    assert (answers[0]["alt"], answers[1]["alt"]) == ("1044 ft", 1044)
    assert (answers[0]["timezone"], answers[1]["tzone"]) == ("America/New_York",) * 2
    assert "tzone" not in answers[0]
