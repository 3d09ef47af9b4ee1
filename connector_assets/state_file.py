"""A connector's state as a file: what ``state export`` writes, and ``state import`` reads."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connector_assets.errors import ConfigError

FORMAT: Final = "connectors-state/1"


class StateFile(BaseModel):
    """One version of one connector's state; ``state`` is what the connector goes on from.

    A text that begins with a character from U+F026 to U+F02D is a value of a type that JSON has
    not (a time, a decimal), as dlt writes it: keep that character.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["connectors-state/1"] = Field(description="The shape of the file.")
    project: str = Field(description="The project's id.")
    environment: str = Field(description="The environment that it comes from.")
    connector: str = Field(description="The connector's name.")
    engine: Literal["meltano", "dlt"] = Field(description="The engine that the state is of.")
    source: str = Field(description="The extractor or dlt source that the state is of.")
    version: int = Field(ge=1, description="The version in that environment.")
    at: datetime = Field(description="When that version was written.")
    who: str = Field(description="Who wrote it.")
    why: str = Field(description="Why.")
    state: dict[str, Any] = Field(description="`sources`, as dlt keeps them; of a tap its state.")


def render_state_file(file: StateFile) -> str:
    """Return the file's text: JSON in ASCII, so that no character of it can be lost."""
    return json.dumps(file.model_dump(mode="json"), indent=2) + "\n"


def render_state_schema() -> str:
    """Return the JSON Schema of the file."""
    return json.dumps(StateFile.model_json_schema(), indent=2) + "\n"


def load_state_file(path: Path) -> StateFile:
    """Return the state in a file.

    Raises:
        ConfigError: It cannot be read, or is of another shape; names the first wrong key.
    """
    fix = "Write one: connectors state export NAME FILE"
    try:
        return StateFile.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{error.strerror}", place=str(path), fix=fix) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"this is no state file: {where + ': ' if where else ''}{first['msg']}"
        raise ConfigError(problem, place=str(path), fix=fix) from error
