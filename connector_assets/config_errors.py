"""Turns what pydantic says about a file into our errors: the line, the value, the near miss."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.yaml_marks import Document, KeyPath

# What stands under these can be a secret, or hold one.
HIDDEN = frozenset(
    {"secrets", "config", "storage", "catalog", "urls", "alerts", "ledger", "artifacts"}
)
_QUOTED = re.compile(r"'([^']*)'")
_Model = TypeVar("_Model", bound=BaseModel)


def parse_model(model: type[_Model], document: Document) -> _Model:
    """Return the document as a model.

    Raises:
        ConfigError: It does not fit; several problems come as one ConfigErrors.
    """
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        found = sorted(error.errors(include_url=False), key=lambda one: document.line(one["loc"]))
        # from None: pydantic's own words repeat the values, secrets too.
        raise ConfigErrors.collect(
            _describe(one, model=model, document=document) for one in found
        ) from None


def valid_keys(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """Return the keys that a mapping of a model's file may have; none if any."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [below for one in annotations for below in _below(one, part)]
    models = [one for one in annotations if isinstance(one, type) and issubclass(one, BaseModel)]
    return tuple(models[0].model_fields) if models else ()


def _describe(found: Any, *, model: type[BaseModel], document: Document) -> ConfigError:
    path: KeyPath = tuple(part for part in found["loc"] if part != "[key]")
    place, name = document.place(path), ".".join(map(str, path))
    kind, context = found["type"], found.get("ctx") or {}
    if kind == "extra_forbidden":
        key, valid = str(path[-1]), valid_keys(model, path[:-1])
        return ConfigError(f"the key {key!r} is not known", place=place, value=key, valid=valid)
    if kind == "missing":
        return ConfigError(f"`{name}` is missing", place=place, fix=f"Add `{path[-1]}:`.")
    if kind in ("enum", "literal_error"):
        return _describe_choice(found, name=name, place=place)
    if kind == "refused":
        fix, value = context["fix"], context["value"]
        problem = f"`{name}`: {context['text']}"
        return ConfigError(problem, place=place, fix=fix, value=value, valid=context["valid"])
    shown = _show(found["input"], path=path)
    message = found["msg"].lower().replace("input should", "it should")
    return ConfigError(f"`{name}`: {message}{shown}", place=place)


def _describe_choice(found: Any, *, name: str, place: str) -> ConfigError:
    value = str(found["input"])
    valid = _QUOTED.findall(str(found["ctx"]["expected"]))
    is_key = "[key]" in found["loc"]
    problem = f"`{name}` is not known" if is_key else f"`{name}` cannot be {value!r}"
    return ConfigError(problem, place=place, value=value, valid=valid)


def _show(value: object, *, path: KeyPath) -> str:
    if HIDDEN.intersection(path) or not isinstance(value, str | int | float):
        return ""
    return f", not {value!r}"


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            known = option.model_fields.get(str(part))
            if known:
                yield from _options(known.annotation)
        elif get_origin(option) is dict:
            yield from _options(get_args(option)[1])


def _options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(deep for one in get_args(annotation) for deep in _options(one))
    return (annotation,)
