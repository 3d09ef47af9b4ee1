"""Files for a project, made from templates; nothing that exists is ever overwritten."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from connector_assets.errors import ConfigError

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """What was made in a project and what was there already, as paths relative to it."""

    root: Path
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        """Make a file, and its folders, unless it exists.

        Raises:
            ConfigError: The folder cannot be written to.
        """
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            if not path.exists():
                raise _refuse(path, error) from error
            self.kept.append(name)
        except OSError as error:
            raise _refuse(path, error) from error
        else:
            self.made.append(name)

    def append(self, name: str, lines: list[str]) -> None:
        """Make a file of lines, or add to it the lines that it lacks."""
        path = self.root / name
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        known = {line.strip().strip("/") for line in before.splitlines()}
        missing = [line for line in lines if line.strip("/") not in known]
        if not before:
            self.write(name, "".join(f"{line}\n" for line in lines))
        elif missing:
            gap = "" if before.endswith("\n") else "\n"
            with path.open("a", encoding="utf-8") as file:
                file.write(gap + "".join(f"{line}\n" for line in missing))
            self.made.append(f"{name} (added {', '.join(missing)})")
        else:
            self.kept.append(name)

    def write_schemas(self) -> None:
        """Make the schemas that editors check the YAML files with, unless they exist."""
        from connector_assets.config_schema import Kind, schema_file

        for kind in Kind:
            self.write(schema_file(kind), render_schema(kind))


def render_schema(kind: str) -> str:
    """Return a schema as the text of its file."""
    from connector_assets.config_schema import Kind, build_schema

    return json.dumps(build_schema(Kind(kind)), indent=2, ensure_ascii=False) + "\n"


def render_template(template: str, **values: str) -> str:
    """Return the text of a file of ``templates/`` with each ``{{name}}`` filled in."""
    text = (files(__package__) / "templates" / template).read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _refuse(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the file cannot be made: {error.strerror}",
        place=str(path),
        fix="Name another folder, or correct its permissions.",
    )
