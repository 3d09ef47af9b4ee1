"""What the YAML files say of credentials: a connector's own part, and the models of a project."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from connector_assets.config_blocks import Block
from connector_assets.config_fields import (
    ConnectorNames,
    Name,
    OrEmpty,
    SecretName,
    SecretSource,
    Store,
    Text,
)


class CredentialsBlock(Block):
    """What is said of a connector's secrets together."""

    model: Name | None = Field(None, description="A model of `credentials/`: NAME.yaml.")
    version: int | None = Field(None, ge=1, description="The model's version it is written for.")
    write_back: dict[SecretName, Store] = Field(
        {}, description="Secrets that the tap rotates, each with where a new value goes."
    )


class FieldBlock(Block):
    """A secret of a model."""

    required: bool = Field(True, description="Whether a connector must have it.")
    description: Text | None = Field(None, description="What it is, and where one gets it.")


class ChangeBlock(Block):
    """What a version has otherwise than the one before."""

    renamed: dict[SecretName, SecretName] = Field(
        {}, description="Old names of secrets, each with the new one."
    )
    variables: dict[Text, Text] = Field(
        {}, description="Old names of environment variables, each with the new one."
    )
    removed: ConnectorNames = Field((), description="Secrets that are no more.")
    added: dict[SecretName, SecretSource | None] = Field(
        {}, description="New secrets, each with where it usually comes from, or nothing."
    )


class ModelFile(Block):
    """credentials/NAME.yaml: the secrets that a kind of source has, and had."""

    version: int = Field(ge=1, le=10_000, description="The current version.")
    fields: dict[SecretName, Annotated[FieldBlock, OrEmpty()]] = Field(
        min_length=1, description="The secrets of the current version."
    )
    changes: dict[str, ChangeBlock] = Field(
        {}, description="By version, from 2 to the current one, what it changed."
    )
