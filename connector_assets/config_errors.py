"""Turns what pydantic says about a file into our errors: the line, the value, the near miss."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from connector_assets.credentials.references import hide_password
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.yaml_marks import Document, KeyPath

# What stands under these can be a secret, or hold one.
HIDDEN = frozenset(
    {
        "secrets",
        "config",
        "storage",
        "catalog",
        "urls",
        "alerts",
        "ledger",
        "artifacts",
        "write_back",
    }
)
_EXPECTED = {
    "dict_type": "should be a mapping, of `key: value` lines",
    "model_type": "should be a mapping, of `key: value` lines",
    "tuple_type": "should be a list",
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "string_too_short": "should not be empty",
    "too_short": "should not be empty",
    "enum": "should be one word",
    "literal_error": "should be one word",
}
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


def parse_overlaid(model: type[_Model], document: Document) -> dict[str, tuple[_Model, Document]]:
    """Return the document under each environment's overlay, and by itself under ``""``.

    All are read, whichever is active: what is wrong in production is seen before it gets there.

    Raises:
        ConfigError: One of them does not fit; several problems come as one ConfigErrors.
    """
    # The file by itself first: an overlay must not hide what is wrong below it.
    files = {"": (parse_model(model, document), document)}
    found: list[ConfigError] = []
    for name in document.values.get("environments") or ():
        overlaid = document.overlaid(("environments", name))
        try:
            files[name] = (parse_model(model, overlaid), overlaid)
        except ConfigError as error:
            found.append(error)
    if found:
        raise ConfigErrors.collect(found)
    return files


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
    if kind in ("enum", "literal_error") and isinstance(found["input"], str):
        return _describe_choice(found, name=name, place=place)
    if kind == "refused":
        fix, value = context["fix"], context["value"]
        problem = f"`{name}`: {context['text']}"
        return ConfigError(problem, place=place, fix=fix, value=value, valid=context["valid"])
    return ConfigError(f"`{name}` {_explain(found)}{_show(found['input'], path=path)}", place=place)


def _describe_choice(found: Any, *, name: str, place: str) -> ConfigError:
    value = found["input"]
    valid = _QUOTED.findall(str(found["ctx"]["expected"]))
    is_key = "[key]" in found["loc"]
    problem = f"`{name}` is not known" if is_key else f"`{name}` cannot be {value!r}"
    return ConfigError(problem, place=place, value=value, valid=valid)


def _explain(found: Any) -> str:
    """Return what a value should be, in the words of YAML rather than those of Python."""
    if found["input"] is None:
        return "has no value"
    if found["type"] in _EXPECTED:
        return _EXPECTED[found["type"]]
    message = str(found["msg"]).removeprefix("Input ")
    return message[:1].lower() + message[1:]


def _show(value: object, *, path: KeyPath) -> str:
    if HIDDEN.intersection(path) or not isinstance(value, str | int | float) or value == "":
        return ""
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f", not {hide_password(shown)}"


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
