"""What dlt, its sources and their libraries raise, as one of our errors.

The outermost exception that a rule knows decides. A message is made of what cannot hold a secret: a
status, a host, a column, a driver's own first line; never of a URL's query or of a value.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pyarrow as pa
import requests.exceptions as http
import sqlalchemy.exc as sql
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.exceptions import DictValidationException
from dlt.common.libs.pyarrow import PyToArrowConversionException, UnsupportedArrowTypeException
from dlt.extract.exceptions import PipeException
from dlt.extract.incremental.exceptions import (
    IncrementalCursorInvalidCoercion,
    IncrementalCursorPathHasValueNone,
    IncrementalCursorPathMissing,
)
from dlt.normalize.exceptions import NormalizeJobFailed

from connector_assets.engines import http_errors, sql_errors
from connector_assets.errors import (
    BadRecord,
    ConfigError,
    ConnectorError,
    CredentialError,
    FatalSyncError,
    TransientSyncError,
)
from connector_assets.model import Connector

_DECLARE = "Declare another type for it in the source, or leave the column out."
_RESOURCE = re.compile(r"resources\[(\d+)\]")
_LONGEST = 300


def explain(
    error: Exception,
    connector: Connector,
    *,
    stream: str = "",
    otherwise: type[ConnectorError] = FatalSyncError,
) -> ConnectorError:
    """Return our error for one that was raised while a connector's source was made or read.

    It names the connector, and ``stream`` or the one that dlt names; what no rule knows becomes an
    ``otherwise``. Our own errors, also where dlt wrapped them, are returned as they are.
    """
    chain = list(_chain(error))
    ours = next(filter(None, (_explain_one(each, connector) for each in chain)), None)
    if ours is None:
        innermost = chain[-1]
        words = (str(innermost).splitlines() or [""])[0][:_LONGEST]
        fix = "The log has the whole traceback."
        ours = otherwise(f"{type(innermost).__name__}: {words}", fix=fix)
    found = (_find_stream(each, connector) for each in chain)
    ours.with_context(connector=connector.name, stream=stream or next(filter(None, found), ""))
    item = connector.stream(ours.stream)
    place = f"{connector.file}:{item.line}" if item and item.line else str(connector.file)
    return ours.with_context(place=place)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception, then what caused it, down to the innermost."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _explain_one(error: BaseException, connector: Connector) -> ConnectorError | None:
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, DictValidationException):
        return _invalid_config(error, connector)
    for kinds, rule in _RULES:
        if isinstance(error, kinds):
            return rule(error)
    return None


def _find_stream(error: BaseException, connector: Connector) -> str:
    if isinstance(error, PipeException):
        # A transformer's files come from a resource of their own.
        name = error.pipe_name.removesuffix("_files")
        return name if connector.stream(name) else ""
    if isinstance(error, NormalizeJobFailed):
        table = error.job_id.split(".")[0]
        return next((item.name for item in connector.streams if item.table == table), "")
    if isinstance(error, sql.NoSuchTableError):
        return str(error) if connector.stream(str(error)) else ""
    return ""


def _invalid_config(error: DictValidationException, connector: Connector) -> ConfigError:
    """Tell of the innermost breach: those around it repeat the whole config, secrets too."""
    deepest = max(_nested(error), key=lambda each: each.path.count("/"))
    words = str(deepest.msg).split(" Provided value")[0].split(" but got")[0]
    if deepest.field:
        words = words.replace(f"{deepest.field}={deepest.value}", deepest.field)
    found = _RESOURCE.search(deepest.path)
    item = connector.streams[int(found[1])] if found else None
    where = _RESOURCE.sub("", deepest.path).strip("./") or "config"
    return ConfigError(
        f"{where.removeprefix('endpoint').strip('/') or 'config'}: {words[:_LONGEST]}",
        stream=item.name if item else "",
        fix=f"See dlt's documentation of {connector.source}.",
    )


def _nested(error: DictValidationException) -> Iterator[DictValidationException]:
    yield error
    for each in error.nested_exceptions or ():
        yield from _nested(each)


def _missing_field(error: Any) -> ConfigError:
    names = ", ".join(f"`{name}`" for name in error.fields)
    return ConfigError(f"the config lacks {names}", fix="Add it, or a reference to a secret.")


def _missing_module(error: Any) -> ConfigError:
    name = (error.name or str(error)).split(".")[0]
    return ConfigError(
        f"the source needs the Python module {name!r}, which is not installed",
        fix="Install it beside connector-assets (for PostgreSQL: connector-assets[postgres]).",
    )


def _cursor_missing(error: Any) -> ConfigError:
    return ConfigError(
        f"the rows have no field {error.json_path!r}, which is the stream's cursor",
        fix="Write the field as the source calls it.",
    )


def _cursor_null(error: Any) -> FatalSyncError:
    return FatalSyncError(
        f"a row has no value in {error.json_path!r}, which is the stream's cursor",
        fix="Follow a field that every row has, or read the stream as a whole.",
    )


def _cursor_kind(_error: Any) -> ConfigError:
    return ConfigError(
        "the cursor's values cannot be compared with the one that the stream starts from",
        fix="Give `initial_value` the type that the source sends.",
    )


def _bad_value(error: Any) -> BadRecord:
    kind = error.inferred_arrow_type or "any type of a column"
    return BadRecord(
        f"column {error.field_name!r} has a value that {kind} cannot hold unchanged", fix=_DECLARE
    )


def _bad_type(error: Any) -> BadRecord:
    return BadRecord(
        f"column {error.field_name!r} has the type {error.arrow_type}, which cannot be loaded",
        fix=_DECLARE,
    )


def _bad_row(error: Any) -> BadRecord:
    # What follows a colon or stands in quotes can be the value.
    reason = re.split(r":|'", str(error.failed_message))[0].strip()
    return BadRecord(f"a row cannot be staged unchanged: {reason}", fix=_DECLARE)


def _bad_arrow(error: Any) -> BadRecord:
    return BadRecord(f"a value cannot be read unchanged: {str(error).split(':')[0]}", fix=_DECLARE)


def _system(error: Any) -> ConnectorError | None:
    # Arrow's own errors have no number.
    if error.errno == errno.ENOSPC or "No space left" in str(error):
        return FatalSyncError(
            "the disk is full", fix="Free space in the project's folder, then sync again."
        )
    if isinstance(error, FileNotFoundError):
        return ConfigError(f"there is no file or folder {error.filename or error}")
    if isinstance(error, PermissionError):
        return CredentialError(f"reading was refused: {error.strerror or error}")
    if isinstance(error, ConnectionError | TimeoutError):
        return TransientSyncError(f"the source does not answer: {error.strerror or error}")
    return None


_Rule: TypeAlias = Callable[[Any], ConnectorError | None]
_Kinds: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]
#: The first that fits; subclasses stand before their bases.
_RULES: tuple[tuple[_Kinds, _Rule], ...] = (
    (http.RequestException, http_errors.explain_request),
    (sql.SQLAlchemyError, sql_errors.explain_database),
    (ConfigFieldMissingException, _missing_field),
    (ModuleNotFoundError, _missing_module),
    (IncrementalCursorPathMissing, _cursor_missing),
    (IncrementalCursorPathHasValueNone, _cursor_null),
    (IncrementalCursorInvalidCoercion, _cursor_kind),
    (PyToArrowConversionException, _bad_value),
    (UnsupportedArrowTypeException, _bad_type),
    (NormalizeJobFailed, _bad_row),
    (pa.ArrowInvalid, _bad_arrow),
    (KeyError, sql_errors.explain_key),
    (OSError, _system),
)
