"""Credential models: every connector of the past is brought to today's names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.credential_backfill import apply_backfill, plan_backfill
from connector_assets.credential_models import load_model
from connector_assets.credentials.models import Change, CredentialModel, ModelField, migrate
from connector_assets.credentials.sources import check_secrets, resolve_secrets
from connector_assets.errors import ConfigError
from tests.config.folder import ProjectFolder, lines

from .conftest import HISTORY, read_version

CURRENT = 4
VERSIONS = sorted(int(file.stem[1:]) for file in HISTORY.glob("v*.yaml"))


def test_there_is_a_fixture_of_every_version(folder: ProjectFolder) -> None:
    model = load_model("shop_api", root=folder.root)

    assert list(range(1, model.version + 1)) == VERSIONS
    assert model.version == CURRENT


@pytest.mark.parametrize("version", VERSIONS)
def test_connector_of_every_version_loads_in_the_current_one(
    folder: ProjectFolder, version: int
) -> None:
    folder.write("connectors/shop.yaml", read_version(version))

    apply_backfill(plan_backfill(folder.root), root=folder.root)

    for environment in ("dev", "prod"):
        (connector,) = folder.load(environment).connectors
        use = connector.credentials
        assert (use.model, use.version, use.current) == ("shop_api", CURRENT, CURRENT)
        assert {"api_token", "region"} <= set(connector.secrets) - {"partner"}
        assert connector.config["client"]["auth"]["token"] == "${api_token}"


def test_connector_of_the_version_before_is_understood(folder: ProjectFolder) -> None:
    connector = folder.connector(read_version(3))

    use = connector.credentials
    assert (use.version, use.current) == (3, 4)
    assert connector.secrets == {
        "api_token": "env:SHOP_API_TOKEN|SHOP_TOKEN",
        "partner": "env:SHOP_PARTNER",
        "region": "env:SHOP_REGION",
    }


@pytest.mark.parametrize("version", [1, 2])
def test_connector_of_an_older_version_is_refused(folder: ProjectFolder, version: int) -> None:
    error = folder.refused(read_version(version))

    assert "version 4 understands 3 and itself" in str(error)
    assert error.place.startswith("connectors/one.yaml:")
    assert error.fix.endswith("connectors credentials backfill shop --apply")


def test_connector_of_a_version_to_come_is_refused(folder: ProjectFolder) -> None:
    error = folder.refused(read_version(4).replace("version: 4", "version: 5"))

    assert "has no version 5 yet" in str(error)


def test_secret_that_the_model_does_not_have_is_refused_with_the_nearest(
    folder: ProjectFolder,
) -> None:
    error = folder.refused(read_version(4).replace("region: env", "regoin: env"))

    assert "has no secret 'regoin'" in str(error)
    assert "Did you mean 'region'?" in str(error)


def test_secret_that_the_model_requires_is_missed_with_what_it_is(folder: ProjectFolder) -> None:
    error = folder.refused(read_version(4).replace(", region: env:SHOP_REGION", ""))

    assert "needs the secret 'region'" in str(error)
    assert "Where the shop is." in error.fix


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version: 4", "version: 5", "`changes` must name each version from 2 to 5"),
        ("{token: key}", "{token: kex}", "version 2 makes the secret 'kex'"),
        ("[user]", "[key]", "takes the secret 'key' away, and still has it"),
        ("fields:", "felds:", "felds"),
    ],
)
def test_model_with_a_history_that_leads_elsewhere_is_refused(
    folder: ProjectFolder, old: str, new: str, problem: str
) -> None:
    model = (HISTORY / "model.yaml").read_text().replace(old, new)
    folder.write("credentials/shop_api.yaml", model)

    error = folder.refused(read_version(4))

    assert any(problem in line for line in lines(error)), lines(error)
    assert all("credentials/shop_api.yaml:" in line for line in lines(error))


def test_model_that_is_not_there_is_refused(folder: ProjectFolder) -> None:
    error = folder.refused(read_version(4).replace("shop_api", "shop_apx"))

    assert "credentials/shop_apx.yaml" in str(error)


def test_other_connectors_load_beside_one_whose_model_is_broken(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", read_version(1))
    other = read_version(4).replace("name: shop", "name: other").replace("lake.shop", "lake.other")
    folder.write("connectors/other.yaml", other)

    project = folder.load(tolerate=True)

    assert [one.name for one in project.connectors] == ["other"]
    assert [one.name for one in project.broken] == ["shop"]
    with pytest.raises(ConfigError):
        folder.load()


@pytest.mark.parametrize(
    ("variables", "value"),
    [
        ({"SHOP_TOKEN": "old"}, "old"),
        ({"SHOP_API_TOKEN": "new"}, "new"),
        ({"SHOP_TOKEN": "old", "SHOP_API_TOKEN": "new"}, "new"),
    ],
    ids=["old", "new", "both"],
)
@pytest.mark.parametrize("version", [3, 4])
def test_variable_is_read_by_both_of_its_names_for_one_version(
    folder: ProjectFolder,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    value: str,
    version: int,
) -> None:
    connector = folder.connector(read_version(version))
    for name, one in variables.items():
        monkeypatch.setenv(name, one)

    source = {"api_token": connector.secrets["api_token"]}

    assert resolve_secrets(source, of="x", root=folder.root) == {"api_token": value}


def test_variable_that_has_neither_name_is_missed_by_the_new_one(folder: ProjectFolder) -> None:
    connector = folder.connector(read_version(3))

    (error,) = check_secrets(
        {"api_token": connector.secrets["api_token"]}, of="x", root=folder.root
    )

    assert error.fix.startswith("Set it: export SHOP_API_TOKEN=")


MODEL = CredentialModel(
    name="m",
    version=3,
    fields={"c": ModelField(), "z": ModelField(required=False)},
    changes={
        2: Change(renamed={"a": "b"}, variables={"A": "B"}, removed=("x",)),
        3: Change(renamed={"b": "c"}, variables={"B": "C"}, added={"z": "env:Z"}),
    },
)
SOURCES = st.dictionaries(
    st.sampled_from(["a", "x", "other"]), st.sampled_from(["env:A", "env:B", "env:D", "file:A"])
)


@given(SOURCES)
def test_migration_loses_no_secret_but_those_that_are_removed(sources: dict[str, str]) -> None:
    moved = migrate(sources, model=MODEL, version=1)

    kept = {name for name in sources if name not in moved.removed}
    assert set(moved.secrets) == {moved.renamed.get(name, name) for name in kept} | set(moved.added)
    assert not {"env:A", "env:B"} & set(moved.secrets.values())
    assert moved.missing == (() if "a" in sources else ("c",))


@given(SOURCES)
def test_migration_in_one_step_is_that_in_two(sources: dict[str, str]) -> None:
    half = CredentialModel(
        name="m", version=2, fields={"b": ModelField()}, changes={2: MODEL.changes[2]}
    )
    first = migrate(sources, model=half, version=1)

    once = migrate(sources, model=MODEL, version=1).secrets

    assert migrate(first.secrets, model=MODEL, version=2).secrets == once
    assert migrate(once, model=MODEL, version=3).secrets == once


def test_model_knows_the_names_of_each_version() -> None:
    assert [MODEL.names(version) for version in (1, 2, 3)] == [{"a", "x"}, {"b"}, {"c", "z"}]


def test_half_a_model_is_refused(folder: ProjectFolder) -> None:
    error = folder.refused(read_version(4).replace(", version: 4", ""))

    assert isinstance(error, ConfigError)
    assert "`model` and `version` belong together" in str(error)
