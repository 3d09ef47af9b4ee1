"""Backfill: files are brought up to date, and nothing else of them changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.credential_backfill import apply_backfill, plan_backfill
from connector_assets.errors import ConfigError
from tests.config.folder import ProjectFolder

from .conftest import read_version

TODAY = """\
# The shop, as it was first written.
name: shop
owner: team-commerce
engine: dlt
source: rest_api
config:
  client:
    base_url: "https://api.shop.example/v1"
    auth: {type: bearer, token: "${api_token}"}   # what they call a key
secrets:
  # From the vault, by deployment.
  api_token: env:SHOP_API_TOKEN   # rotates in spring
  partner: "env:SHOP_PARTNER"
  region: "env:SHOP_REGION"
credentials: {model: shop_api, version: 4}
destination: lake.shop
streams:
  orders: {write: replace, config: {path: "orders/${api_token}", note: "$${token} is text"}}
environments:
  prod:
    secrets: {api_token: "file:/run/secrets/shop"}
"""
ENV = """\
# Of the shop.
export SHOP_KEY='a b'   # theirs

OTHER=${SHOP_KEY}
"""


def apply(folder: ProjectFolder) -> None:
    apply_backfill(plan_backfill(folder.root), root=folder.root)


def read(folder: ProjectFolder, name: str = "connectors/shop.yaml") -> str:
    return (folder.root / name).read_text()


def test_file_keeps_its_comments_order_and_quotes(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", read_version(1))

    apply(folder)

    assert read(folder) == TODAY
    assert plan_backfill(folder.root).files == ()


def test_ends_of_lines_stay(folder: ProjectFolder) -> None:
    file = folder.root / "connectors" / "shop.yaml"
    folder.write("connectors/shop.yaml", "")
    file.write_bytes(read_version(2).replace("\n", "\r\n").encode())

    apply(folder)

    assert file.read_bytes().count(b"\r\n") == read_version(2).count("\n")
    assert b"api_token: env:SHOP_API_TOKEN" in file.read_bytes()
    assert plan_backfill(folder.root).files == ()


def test_plan_writes_nothing_and_shows_what_would_change(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", read_version(1))

    (one,) = plan_backfill(folder.root).files

    assert (one.version, one.current, one.connector) == (1, 4, "shop")
    assert "-  token: env:SHOP_KEY   # rotates in spring\n" in one.diff
    assert "+  api_token: env:SHOP_API_TOKEN   # rotates in spring\n" in one.diff
    assert read(folder) == read_version(1)


def test_variables_of_the_env_file_are_renamed_and_the_rest_of_it_stays(
    folder: ProjectFolder,
) -> None:
    folder.write("connectors/shop.yaml", read_version(1))
    folder.write(".env", ENV)
    (folder.root / ".env").chmod(0o640)

    plan = plan_backfill(folder.root)
    apply(folder)

    assert dict(plan.in_env_file) == {"SHOP_KEY": "SHOP_API_TOKEN"}
    assert read(folder, ".env") == ENV.replace("export SHOP_KEY", "export SHOP_API_TOKEN")
    assert (folder.root / ".env").stat().st_mode & 0o777 == 0o640


def test_variables_that_are_set_elsewhere_are_listed(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", read_version(2))

    plan = plan_backfill(folder.root)

    assert dict(plan.elsewhere) == {"SHOP_KEY": "SHOP_API_TOKEN"}
    assert not plan.in_env_file


@pytest.mark.parametrize("done", ["env file", "connector file"])
def test_project_that_was_left_half_way_loads_and_is_finished(
    folder: ProjectFolder, done: str
) -> None:
    folder.write("connectors/shop.yaml", read_version(3))
    folder.write(".env", "SHOP_TOKEN=hunter2\n")
    before = {name: read(folder, name) for name in ("connectors/shop.yaml", ".env")}
    apply(folder)
    undone = "connectors/shop.yaml" if done == "env file" else ".env"
    (folder.root / undone).write_text(before[undone])

    (connector,) = folder.load().connectors
    from connector_assets.credentials.sources import resolve_secrets

    source = {"api_token": connector.secrets["api_token"]}
    assert resolve_secrets(source, of="x", root=folder.root) == {"api_token": "hunter2"}


def test_secret_without_a_usual_source_is_asked_for_and_nothing_is_changed(
    folder: ProjectFolder,
) -> None:
    model = folder.root / "credentials" / "shop_api.yaml"
    model.write_text(model.read_text().replace('{region: "env:SHOP_REGION"}', "{region: }"))
    folder.write("connectors/shop.yaml", read_version(3))

    plan = plan_backfill(folder.root)
    with pytest.raises(ConfigError) as caught:
        apply_backfill(plan, root=folder.root)

    assert plan.files[0].missing == ("region",)
    assert "needs the secret 'region'" in caught.value.problem
    assert read(folder) == read_version(3)


def test_new_secret_that_is_written_already_is_taken(folder: ProjectFolder) -> None:
    text = read_version(3).replace("  partner:", "  region: env:MINE\n  partner:")
    folder.write("connectors/shop.yaml", text)

    apply(folder)

    (connector,) = folder.load().connectors
    assert connector.secrets["region"] == "env:MINE"


def test_file_that_was_changed_since_the_plan_stays(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", read_version(3))
    plan = plan_backfill(folder.root)
    changed = read_version(3).replace("team-commerce", "team-shop")
    folder.write("connectors/shop.yaml", changed)

    with pytest.raises(ConfigError, match="changed meanwhile"):
        apply_backfill(plan, root=folder.root)

    assert read(folder) == changed


def test_file_that_would_have_to_be_rewritten_is_refused(folder: ProjectFolder) -> None:
    # What an anchor marks stands in two places, and only one of them is to change.
    text = read_version(3).replace("api_token: env:", "api_token: &t env:")
    folder.write("connectors/shop.yaml", text.replace("path: orders", "path: *t"))

    with pytest.raises(ConfigError) as caught:
        apply(folder)

    assert caught.value.place == "connectors/shop.yaml"
    assert "by hand" in caught.value.fix


def test_only_named_connectors_are_looked_at(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", read_version(3))

    assert plan_backfill(folder.root, names=("other",)).files == ()
    assert len(plan_backfill(folder.root, names=("shop",)).files) == 1


def test_link_to_the_env_file_stays_a_link(folder: ProjectFolder, tmp_path: Path) -> None:
    folder.write("connectors/shop.yaml", read_version(3))
    (tmp_path / "shared").write_text("SHOP_TOKEN=x\n")
    (folder.root / ".env").symlink_to(tmp_path / "shared")

    apply(folder)

    assert (folder.root / ".env").is_symlink()
    assert (tmp_path / "shared").read_text() == "SHOP_API_TOKEN=x\n"
