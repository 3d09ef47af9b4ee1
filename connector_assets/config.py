"""The YAML files as models: what each key is called, what it takes, what it means.

The descriptions are what editors show (``connectors schema``) and what docs/connector-file.md
lists. Rules that need more than one key are in connector_assets.connector_rules.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from connector_assets.config_alerts import AlertsBlock, HeartbeatBlock, ProjectAlertsBlock
from connector_assets.config_blocks import (
    Block,
    CommitBlock,
    PresenceBlock,
    RetriesBlock,
    ScheduleBlock,
)
from connector_assets.config_credentials import CredentialsBlock
from connector_assets.config_fields import (
    Bytes,
    Columns,
    ConnectorNames,
    FormerNames,
    FormerStreams,
    Name,
    OrEmpty,
    PositiveSeconds,
    Seconds,
    SecretName,
    SecretSource,
    Text,
    Timezone,
)
from connector_assets.model import (
    DestinationKind,
    DriftKind,
    DriftPolicy,
    Engine,
    NaiveTimes,
    OldVersions,
    OnEmpty,
    Retention,
    WriteDisposition,
)

VERSION = 1

# YAML has no enums: their texts are what strict models must accept.
_Write: TypeAlias = Annotated[WriteDisposition, Field(strict=False)]
_OnEmpty: TypeAlias = Annotated[OnEmpty, Field(strict=False)]
_NaiveTimes: TypeAlias = Annotated[NaiveTimes, Field(strict=False)]
_OldVersions: TypeAlias = Annotated[OldVersions, Field(strict=False)]
_Engine: TypeAlias = Annotated[Engine, Field(strict=False)]
_Kind: TypeAlias = Annotated[DestinationKind, Field(strict=False)]
_Drift: TypeAlias = dict[
    Annotated[DriftKind, Field(strict=False)], Annotated[DriftPolicy, Field(strict=False)]
]
_Config: TypeAlias = Annotated[dict[str, Any], OrEmpty()]
_Failures: TypeAlias = Annotated[int, Field(ge=0)] | None
_Pools: TypeAlias = dict[Name, Annotated[int, Field(ge=1)]]
_Secrets: TypeAlias = Annotated[dict[SecretName, SecretSource], OrEmpty()]


class StreamRules(Block):
    """What can be said for one stream, or for all that do not say otherwise."""

    write: _Write | None = Field(None, description="What a sync does to the table.")
    primary_key: Columns | None = Field(
        None, description="The column or columns that identify a row; `merge` needs them."
    )
    cursor: Text | None = Field(
        None, description="The column an incremental stream follows; not with `write: replace`."
    )
    on_empty: _OnEmpty | None = Field(
        None,
        description="What a first or full read of 0 rows is: `block`, if nobody says otherwise, "
        "refuses it, `allow` loads it.",
    )
    min_rows: int | None = Field(None, ge=0, description="A full read with fewer rows is blocked.")
    min_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="A full read below this share of the last one's rows is blocked.",
    )
    presence: Annotated[PresenceBlock, OrEmpty()] = Field(
        PresenceBlock(),
        description="When absent and empty columns are judged, where the source declares none.",
    )
    naive_times: _NaiveTimes | None = Field(
        None,
        description="What a time without an offset is: `assume_utc` an instant in UTC, "
        "`keep_naive` a time without a zone, `reject` an error. If nobody says: columns that a "
        "database or a file has without a zone stay so, everything else is UTC.",
    )
    old_versions: _OldVersions | None = Field(
        None,
        description="What becomes of rows that a tap's ACTIVATE_VERSION leaves behind: `mark`, if "
        "nobody says otherwise, sets their `_singer_deleted_at`, `delete` removes them, `keep` "
        "does nothing. Only taps send it.",
    )
    drift: Annotated[_Drift, OrEmpty()] = Field(
        {},
        description="What the audit gate does about each kind of drift; what the nearest level "
        "does not name, the next one decides.",
    )


class StreamBlock(StreamRules):
    """One stream of a connector."""

    config: _Config = Field({}, description="For the engine, as it is; `${name}` is a secret.")
    renamed_from: FormerStreams = Field(
        (), description="The name that it had, or several, the newest first: its table follows."
    )


class ConnectorFile(Block):
    """A connector file: one source synced into one dataset."""

    name: Name = Field(description="What the connector is called everywhere.")
    renamed_from: FormerNames = Field(
        (),
        description="The name that it had, or several, the newest first: state and history follow.",
    )
    owner: Text | None = Field(None, description="Who answers for it: a team or a person.")
    schedule: ScheduleBlock | None = Field(None, description="When it is due; none: by hand.")
    engine: _Engine = Field(description="What extracts it.")
    source: Text = Field(
        description="meltano: an extractor of meltano.yml. dlt: rest_api, sql_database, "
        "filesystem, python:package.module:function, or dlt_assets:package.module:function."
    )
    config: _Config = Field({}, description="For the source, as it is; `${name}` is a secret.")
    secrets: _Secrets = Field(
        {},
        description="Where each secret comes from: env:NAME, file:PATH, command:WORDS, "
        "airflow-connection:ID.FIELD.",
    )
    credentials: CredentialsBlock | None = Field(
        None, description="The model that the secrets follow, and which of them are rotated."
    )
    destination: Text = Field(description="A destination of connectors.yaml and a dataset.")
    defaults: Annotated[StreamRules, OrEmpty()] = Field(
        StreamRules(), description="What its streams do if they do not say otherwise."
    )
    streams: dict[Text, Annotated[StreamBlock, OrEmpty()]] = Field(
        min_length=1, description="What is synced: one table each."
    )
    depends_on: ConnectorNames = Field((), description="Connectors that come first.")
    pool: Name | None = Field(None, description="A pool of connectors.yaml: Airflow's limit.")
    drift: Annotated[_Drift, OrEmpty()] = Field(
        {}, description="What the audit gate does about each kind of drift, in all streams."
    )
    retries: RetriesBlock | None = Field(None, description="How a transient failure is retried.")
    timeout: PositiveSeconds | None = Field(
        None, description="How long the run step may take; an hour if nobody says otherwise."
    )
    commit: CommitBlock | None = Field(
        None,
        description="Checkpoints, for long first loads: commit on the way. If nobody says, a sync "
        "is one transaction.",
    )
    memory: Bytes | None = Field(
        None,
        description="What DuckDB keeps to in a load, `280MB` if nobody says otherwise, twice that "
        "in a merge: more goes through files. A load that cannot is tried again with more.",
    )
    max_wait: Seconds | None = Field(
        None,
        description="How long a scheduled sync waits for one that is running, before it is "
        "skipped; ten minutes if nobody says otherwise.",
    )
    alerts: AlertsBlock | None = Field(
        None, description="Who is told, instead of whom the project tells."
    )
    pause_after: _Failures = Field(
        None, description="After so many syncs in a row that failed, no more are started; 0: never."
    )
    environments: dict[Name, _Config] = Field(
        {}, description="What is different in an environment, merged over the file; not its name."
    )


class DestinationBlock(Block):
    """A DuckDB file or a DuckLake."""

    type: _Kind = Field(description="What it is.")
    path: Text | None = Field(None, description="duckdb: the file.")
    catalog: Text | None = Field(
        None, description="ducklake: sqlite:///FILE, duckdb:///FILE or postgresql://..."
    )
    data_path: Text | None = Field(None, description="ducklake: a folder or s3://bucket/prefix.")
    storage: _Config = Field({}, description="ducklake on s3: endpoint, region, key_id, secret ...")
    secrets: _Secrets = Field({}, description="For `${name}` in catalog and storage.")


class AirflowBlock(Block):
    """The Airflow that runs the connectors."""

    url: Text = Field(
        description="Where it answers. `connectors sync` and Dagster start its DAG runs."
    )
    user: Text | None = Field(None, description="Who logs in there, or env:NAME.")
    password: SecretSource | None = Field(None, description="The password, as a source: env:NAME.")


class ProjectDefaults(StreamRules):
    """What every connector does if it does not say otherwise."""

    owner: Text | None = Field(None, description="Who answers.")
    timezone: Timezone | None = Field(None, description="Of the schedules.")
    retries: RetriesBlock | None = Field(None, description="How a transient failure is retried.")
    timeout: PositiveSeconds | None = Field(None, description="How long the run step may take.")
    max_wait: Seconds | None = Field(None, description="How long a scheduled sync waits.")
    memory: Bytes | None = Field(None, description="What DuckDB keeps to in a load.")
    pause_after: _Failures = Field(
        None, description="After so many syncs in a row that failed, no more are started."
    )


class HeldBlock(Block):
    """How much of what was blocked is held, for all connectors together."""

    age: PositiveSeconds = Field(Retention().age, description="How long; 14 days are usual.")
    size: Bytes = Field(
        Retention().size,
        description='How much, such as "10GB"; the oldest packages go first, never the newest.',
    )


class EnvironmentBlock(Block):
    """What is different in an environment, merged over connectors.yaml."""

    destinations: dict[Name, _Config] = Field(
        {}, description="Keys of destinations, merged; more destinations."
    )
    ledger: Text | None = Field(None, description="Another ledger.")
    artifacts: Text | None = Field(None, description="Another place of logs and packages.")
    defaults: _Config = Field({}, description="Other defaults.")
    alerts: ProjectAlertsBlock | None = Field(None, description="Who is told there, instead.")
    heartbeat: HeartbeatBlock | None = Field(None, description="Another page.")
    airflow: AirflowBlock | None = Field(None, description="Another Airflow.")
    pools: _Pools = Field({}, description="Other limits; more pools.")


class ProjectFile(Block):
    """connectors.yaml: what the connectors of a project share."""

    version: Literal[1] = Field(description="The version of this file's form.")
    project_id: Annotated[
        str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    ] = Field(description="Stamped into each destination: another project cannot load into it.")
    default_environment: Name | None = Field(
        None, description="Where neither --env nor CONNECTORS_ENV says one."
    )
    environments: dict[Name, Annotated[EnvironmentBlock, OrEmpty()]] = Field(
        {}, description="The places the project runs in, and what is different there."
    )
    destinations: dict[Name, DestinationBlock] = Field(
        min_length=1, description="Where connectors load."
    )
    ledger: Text | None = Field(
        None,
        description="sqlite:///FILE, postgresql://... or env:NAME; `.connectors/ledger.db` of the "
        "project if none is given.",
    )
    artifacts: Text | None = Field(
        None,
        description="Where logs and packages are kept: a folder or s3://...; "
        "`.connectors/artifacts` of the project if none is given.",
    )
    held: Annotated[HeldBlock, OrEmpty()] = Field(
        HeldBlock(), description="How long, and how much, of what was blocked is held."
    )
    defaults: Annotated[ProjectDefaults, OrEmpty()] = Field(
        ProjectDefaults(), description="What connectors do if they do not say otherwise."
    )
    alerts: ProjectAlertsBlock | None = Field(None, description="Who is told.")
    heartbeat: HeartbeatBlock | None = Field(
        None, description="A page that raises the alarm when it hears nothing any more."
    )
    airflow: AirflowBlock | None = Field(None, description="The Airflow that runs connectors.")
    pools: _Pools = Field({}, description="How many connectors of a pool Airflow runs at once.")
