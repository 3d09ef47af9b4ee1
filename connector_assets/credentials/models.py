"""Credential models: which secrets a kind of source has, version by version, and the way between.

Pure: a migration moves names and references. It never sees a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_VARIABLE = "env:"
#: Between a variable and what it was called before: see `connector_assets.credentials.sources`.
_BAR = "|"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelField:
    """A secret that a model has."""

    required: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a version of a model has otherwise than the one before.

    ``renamed`` maps old names of secrets to new ones, ``variables`` those of environment variables.
    ``added`` has where a new secret comes from, empty where the connector must say it.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialModel:
    """A model: the ``fields`` of its current version, and what each version changed, from 2 on."""

    name: str
    version: int
    fields: Mapping[str, ModelField]
    changes: Mapping[int, Change] = field(default_factory=dict)

    def names(self, version: int) -> frozenset[str]:
        """Return the names that the secrets had in a version, counted back from the current one."""
        names = set(self.fields)
        for number in range(self.version, version, -1):
            change = self.changes[number]
            names -= {*change.added, *change.renamed.values()}
            names |= {*change.removed, *change.renamed}
        return frozenset(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Secrets by their current names, and how they came to be so.

    ``renamed`` maps each old name to the current one, ``variables`` each old variable to the
    current one; ``missing`` are required secrets for which nothing says where they come from.
    """

    secrets: Mapping[str, str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def migrate(secrets: Mapping[str, str], *, model: CredentialModel, version: int) -> Migration:
    """Return the sources of a version's secrets as the current version has them.

    What the model does not know stays as it is. The same for the same, and for the current version
    nothing changes.
    """
    renamed = {name: name for name in secrets}
    variables: dict[str, str] = {}
    removed: list[str] = []
    added: dict[str, str] = {}
    for number in range(version + 1, model.version + 1):
        change = model.changes[number]
        removed += [old for old, now in renamed.items() if now in change.removed]
        added = {
            change.renamed.get(name, name): source
            for name, source in added.items()
            if name not in change.removed
        }
        renamed = {
            old: change.renamed.get(now, now) for old, now in renamed.items() if old not in removed
        }
        known = {*renamed.values(), *added}
        added |= {
            name: source for name, source in change.added.items() if source and name not in known
        }
        variables = {old: change.variables.get(now, now) for old, now in variables.items()}
        variables = {**change.variables, **variables}
    moved = {now: _move(secrets[old], variables) for old, now in renamed.items()}
    moved |= added
    return Migration(
        secrets=moved,
        renamed={old: now for old, now in renamed.items() if old != now},
        variables=variables,
        removed=tuple(removed),
        added=added,
        missing=tuple(find_missing(moved, model=model)),
    )


def find_missing(secrets: Mapping[str, str], *, model: CredentialModel) -> Iterator[str]:
    """Yield the secrets that the current version requires and that are not there."""
    yield from (name for name, one in model.fields.items() if one.required and name not in secrets)


def allow_old_variables(
    secrets: Mapping[str, str], *, model: CredentialModel, version: int
) -> dict[str, str]:
    """Return sources whose variables may still, or already, have the name of the other version.

    ``env:NEW|OLD``: the first that is set. One version long.
    """
    change = model.changes.get(model.version)
    names = dict(change.variables) if change and version >= model.version - 1 else {}
    pairs = {new: old for old, new in names.items()}
    return {
        name: f"{source}{_BAR}{pairs[variable]}"
        if (variable := source.removeprefix(_VARIABLE)) in pairs and source.startswith(_VARIABLE)
        else source
        for name, source in secrets.items()
    }


def _move(source: str, variables: Mapping[str, str]) -> str:
    name = source.removeprefix(_VARIABLE)
    moves = source.startswith(_VARIABLE) and name in variables
    return f"{_VARIABLE}{variables[name]}" if moves else source
