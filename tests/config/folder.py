"""A project folder to write files into, and what is shown of an error."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from textwrap import dedent

from connector_assets.errors import ConfigError, ConfigErrors, ConnectorError
from connector_assets.model import Connector
from connector_assets.project import Project, load_project

PROJECT = """\
version: 1
project_id: acme
environments: {dev: , prod: }
default_environment: dev
destinations:
  lake:
    type: ducklake
    catalog: "sqlite:///data/lake.sqlite"
    data_path: data/lake
  files: {type: duckdb, path: data/files.duckdb}
"""
SHOP = """\
name: shop
owner: team-commerce
engine: dlt
source: rest_api
config: {client: {base_url: "https://api.shop.example/v1"}}
destination: lake.shop
streams:
  orders: {write: merge, primary_key: id, cursor: updated_at, config: {path: orders}}
  stores: {write: replace, config: {path: stores}}
"""


class ProjectFolder:
    """A folder with a connectors.yaml, and connector files as a test writes them."""

    project_text = PROJECT

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("connectors.yaml", PROJECT)

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")

    def load(self, environment: str | None = None, *, tolerate: bool = False) -> Project:
        return load_project(self.root, environment=environment, tolerate=tolerate)

    def connector(self, text: str = SHOP, environment: str | None = None) -> Connector:
        self.write("connectors/one.yaml", text)
        return self.load(environment).connectors[0]

    def refused(self, text: str | None = None) -> ConfigError:
        """The error that loading raises, with a connector file as given."""
        if text is not None:
            self.write("connectors/one.yaml", text)
        try:
            self.load()
        except ConfigError as error:
            return error
        raise AssertionError("the project loads")


def shown(error: BaseException) -> str:
    """Everything that a person or a log can see of an error."""
    texts = [str(error), repr(error), *traceback.format_exception(error)]
    if isinstance(error, ConnectorError):
        texts.append(json.dumps(error.to_record()))
    return "\n".join(texts)


def lines(error: ConfigError) -> list[str]:
    """The first line of each of the errors in one."""
    return [str(one).splitlines()[0] for one in ConfigErrors.split(error)]
