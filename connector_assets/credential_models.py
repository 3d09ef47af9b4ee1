"""The credential models of a project, ``credentials/NAME.yaml``, and connectors that follow one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connector_assets.config import ConnectorFile
from connector_assets.config_credentials import ChangeBlock, ModelFile
from connector_assets.config_errors import parse_model
from connector_assets.credential_use import CredentialUse
from connector_assets.credentials.models import (
    Change,
    CredentialModel,
    Migration,
    ModelField,
    allow_old_variables,
    find_missing,
    migrate,
)
from connector_assets.credentials.references import rename_in
from connector_assets.errors import ConfigError
from connector_assets.model import Connector
from connector_assets.yaml_marks import Document, load_document

FOLDER = "credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A connector file with the names of its model's current version, and how it came to them."""

    file: ConnectorFile
    use: CredentialUse


def load_model(name: str, *, root: Path) -> CredentialModel:
    """Read a credential model of a project.

    Raises:
        ConfigError: It is not there, or breaks a rule.
    """
    label = f"{FOLDER}/{name}.yaml"
    document = load_document(root / label, label=label)
    file = parse_model(ModelFile, document)
    wanted = [str(number) for number in range(2, file.version + 1)]
    if sorted(file.changes) != sorted(wanted):
        fix = f"Write one for each: {', '.join(wanted)}." if wanted else "Remove `changes:`."
        problem = f"`changes` must name each version from 2 to {file.version}, and no other"
        raise ConfigError(problem, place=document.place(("changes",)), fix=fix)
    model = CredentialModel(
        name=name,
        version=file.version,
        fields={
            name: ModelField(required=one.required, description=one.description or "")
            for name, one in file.fields.items()
        },
        changes={int(number): _build_change(one) for number, one in file.changes.items()},
    )
    _check_changes(model, document=document)
    return model


def follow_model(file: ConnectorFile, *, document: Document, root: Path) -> Followed:
    """Return a connector file with current names; those of the last version are understood too.

    Raises:
        ConfigError: The model cannot be used, the file is written for an older or a newer version,
            or lacks a secret.
    """
    block = file.credentials
    if block is None:
        return Followed(file=file, use=CredentialUse())
    write_back = dict(block.write_back)
    if block.model is None or block.version is None:
        return Followed(file=file, use=CredentialUse(write_back=write_back))
    model = load_model(block.model, root=root)
    _check_version(file, model, version=block.version, document=document)
    moved = migrate(file.secrets, model=model, version=block.version)
    secrets = allow_old_variables(moved.secrets, model=model, version=block.version)
    _check_secrets(moved.secrets, model=model, document=document)
    use = CredentialUse(
        model=model.name,
        version=block.version,
        current=model.version,
        write_back={moved.renamed.get(name, name): store for name, store in write_back.items()},
    )
    return Followed(file=rename_references(file, moved, secrets=secrets), use=use)


def rename_references(
    file: ConnectorFile, moved: Migration, *, secrets: Mapping[str, str]
) -> ConnectorFile:
    """Return a connector file with other secrets, called so in its configs too."""
    names = moved.renamed
    streams = {
        name: one.model_copy(update={"config": rename_in(one.config, names=names)})
        for name, one in file.streams.items()
    }
    config = rename_in(file.config, names=names)
    return file.model_copy(update={"secrets": dict(secrets), "config": config, "streams": streams})


def describe_age(connector: Connector) -> str:
    """Return what is to be said of a connector that is written for an older version; else empty."""
    use = connector.credentials
    if use.version == use.current:
        return ""
    return (
        f"its secrets have the names of version {use.version} of the credential model "
        f"{use.model!r}; version {use.current} is current, and the next will not understand them"
    )


def _build_change(block: ChangeBlock) -> Change:
    return Change(
        renamed=block.renamed,
        variables=block.variables,
        removed=block.removed,
        added={name: source or "" for name, source in block.added.items()},
    )


def _check_changes(model: CredentialModel, *, document: Document) -> None:
    """Refuse a history that does not lead to the current fields."""
    for number in range(model.version, 1, -1):
        change, after = model.changes[number], model.names(number)
        place = document.place(("changes", str(number)))
        for name in (*change.renamed.values(), *change.added):
            if name not in after:
                problem = f"version {number} makes the secret {name!r}, and does not have it"
                raise ConfigError(problem, place=place, value=name, valid=sorted(after))
        for name in (*change.renamed, *change.removed):
            if name in after:
                problem = f"version {number} takes the secret {name!r} away, and still has it"
                raise ConfigError(problem, place=place, fix="Correct `fields` or `changes`.")
        for told in (change.renamed, change.variables):
            if len(set(told.values())) < len(told):
                problem = f"version {number} gives two of them one name"
                raise ConfigError(problem, place=place, fix="Give each a name of its own.")


def _check_version(
    file: ConnectorFile, model: CredentialModel, *, version: int, document: Document
) -> None:
    place = document.place(("credentials", "version"))
    if version > model.version:
        problem = f"the credential model {model.name!r} has no version {version} yet"
        fix = f"Write `version: {model.version}`, or bring {FOLDER}/{model.name}.yaml up to date."
        raise ConfigError(problem, place=place, fix=fix)
    if version < model.version - 1:
        raise ConfigError(
            f"the secrets have the names of version {version} of the credential model "
            f"{model.name!r}; version {model.version} understands {model.version - 1} and itself",
            place=place,
            fix=f"Bring the file up to date: connectors credentials backfill {file.name} --apply",
        )
    # What is new may be there already, for `backfill` to find.
    unknown = sorted(set(file.secrets) - model.names(version) - set(model.fields))
    if unknown:
        problem = f"version {version} of the credential model {model.name!r} has no secret"
        raise ConfigError(
            f"{problem} {unknown[0]!r}",
            place=document.place(("secrets", unknown[0])),
            value=unknown[0],
            valid=sorted(model.names(version)),
        )


def _check_secrets(
    secrets: Mapping[str, str], *, model: CredentialModel, document: Document
) -> None:
    for name in find_missing(secrets, model=model):
        said = model.fields[name].description
        raise ConfigError(
            f"the credential model {model.name!r} needs the secret {name!r}",
            place=document.place(("secrets",)),
            fix=f"Add `{name}: env:NAME` to `secrets:`.{f' It is: {said}' if said else ''}",
        )
