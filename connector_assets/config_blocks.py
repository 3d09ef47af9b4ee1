"""The small blocks that several YAML files share, and what all blocks are made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from connector_assets.config_fields import Cron, PositiveSeconds, Seconds, Timezone


class Block(BaseModel):
    """A mapping of a YAML file: nothing converted, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ScheduleBlock(Block):
    """When a connector is due."""

    cron: Cron = Field(description='Five cron fields: "0 2 * * *" is every day at two.')
    timezone: Timezone | None = Field(
        None, description="The IANA time zone of the cron fields; UTC if nobody says another."
    )
    jitter: PositiveSeconds | None = Field(
        None, description="Later by up to so many minutes: fixed, another for each connector."
    )


class RetriesBlock(Block):
    """How a transient failure is tried again."""

    max: int = Field(2, ge=0, le=100, description="How many times; 0: never.")
    wait: Seconds = Field(30.0, description="The first wait, doubled each time.")


class CommitBlock(Block):
    """When a sync commits what it has read so far: one of the two."""

    every_rows: int | None = Field(None, ge=1, description="After at least so many rows.")
    every: PositiveSeconds | None = Field(None, description="After so long: `15m`.")


class PresenceBlock(Block):
    """From when on a column is judged that does not come, or comes empty."""

    rate: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The share of rows with a value (0.01 if nobody says otherwise): columns that "
        "are filled more seldom are not judged.",
    )
    min_rows: int | None = Field(
        None,
        ge=1,
        description="Smaller batches (20 if nobody says otherwise) are not judged.",
    )
