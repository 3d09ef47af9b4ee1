"""The ``connector-target`` executable: a Singer target that loads completely or not at all.

Run by the platform (``CONNECTOR_TARGET_STAGE`` names a stage file) it only stages, and writes a
manifest as its last act. Run by a person with ``--config FILE`` it stages, loads in one
transaction, and prints the last STATE after the commit.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from connector_assets import __version__
from connector_assets.errors import ConfigError, ConnectorError, FatalSyncError

if TYPE_CHECKING:
    from connector_assets.singer.settings import Settings
    from connector_assets.singer.spec import StageSpec

STAGE_VARIABLE = "CONNECTOR_TARGET_STAGE"
_ABOUT = {
    "name": "connector-target",
    "version": __version__,
    "description": "A Singer target for DuckDB and DuckLake: one sync is one transaction.",
    "capabilities": ["target", "about", "activate-version", "hard-delete", "batch"],
    "settings": {
        "destination": "duckdb:///FILE, or ducklake:CATALOG_URL with data_path",
        "data_path": "where a DuckLake keeps its files",
        "dataset": "the schema that the tables are in",
        "default_write": "append or merge; merge applies where the tap names a key (default merge)",
        "old_versions": "what ACTIVATE_VERSION does to rows: mark (default), delete or keep",
        "streams": "per stream: write, primary_key, table, old_versions",
    },
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the target over standard input and return its exit code."""
    options = _build_parser().parse_args(argv)
    if options.about:
        _print_json(_ABOUT)
        return 0
    stage_file = os.environ.get(STAGE_VARIABLE)
    try:
        if stage_file:
            return _run_platform(Path(stage_file))
        return _run_standalone(options.config)
    except ConnectorError as error:
        sys.stderr.write(f"connector-target: {_with_stream(error)}\n")
        return error.exit_code


def _run_platform(stage_file: Path) -> int:
    from connector_assets.singer.spec import load_spec

    spec = load_spec(stage_file)
    # One left by an attempt before this one would speak for it, were this process killed.
    spec.manifest.unlink(missing_ok=True)
    try:
        manifest = _guard(lambda: _stage(spec), folder=spec.pipelines_dir)
    except ConnectorError as error:
        error.with_context(connector=spec.connector)
        write_manifest(spec.manifest, {"error": error.to_record()})
        raise
    write_manifest(spec.manifest, manifest)
    return 0


def _stage(spec: StageSpec) -> dict[str, Any]:
    from connector_assets.engines.progress import Progress
    from connector_assets.singer import stage as staging
    from connector_assets.singer.batches import Assembler
    from connector_assets.singer.checkpoints import Checkpoints
    from connector_assets.singer.messages import read_messages

    assembler = Assembler(
        resolve=spec.resolve,
        normalize=staging.build_normalize(),
        # Whether a type may differ from the table's is the audit gate's to say.
        known={},
        checkpoints=Checkpoints(spec.commit),
    )
    read = partial(
        staging.stage_part,
        read_messages(_open_input(), keep_order=assembler.checkpoints.keep_order),
        assembler=assembler,
        progress=Progress(spec.progress),
        reads=[stream.name for stream in spec.streams],
    )
    manifest = read(pipeline=staging.build_pipeline(spec))
    for number in count(1):
        if not assembler.cut:
            break
        _set_aside(spec, manifest, number=number)
        manifest = read(pipeline=staging.build_pipeline(spec))
    return manifest


def _set_aside(spec: StageSpec, manifest: dict[str, Any], *, number: int) -> None:
    """Hand over what is staged so far as a package of its own."""
    from connector_assets.engines.staging import set_aside

    folder = spec.checkpoints / str(number)
    set_aside(spec.pipelines_dir, to=folder / "staged")
    # Last: it is what makes the package count.
    write_manifest(folder / "manifest.json", manifest)
    # Whoever reads the log looks for it then.
    sys.stderr.write(f"connector-target: checkpoint {number} is staged\n")
    sys.stderr.flush()


def _run_standalone(config: Path | None) -> int:
    if config is None:
        raise ConfigError(
            "no configuration was given",
            fix="Run `connector-target --config FILE`; `connector-target --about` lists the keys.",
        )
    from connector_assets.singer.settings import load_config

    settings = load_config(config)
    state = _guard(lambda: _load(settings), folder=config.parent)
    if state is not None:
        _print_json(state)
    return 0


def _load(settings: Settings) -> dict[str, Any] | None:
    from connector_assets.singer.standalone import load_stream

    return load_stream(_open_input(), settings=settings)


def _open_input() -> BufferedReader:
    # Opened by number: sys.stdin has no binary buffer for a type checker to rely on.
    return os.fdopen(0, "rb", closefd=False)


def _guard(work: Callable[[], Any], *, folder: Path) -> Any:
    """Run ``work``; what is not our error becomes a FatalSyncError that says what to look at."""
    try:
        return work()
    except ConnectorError:
        raise
    except OSError as error:
        full = "No space left" in str(error)
        raise FatalSyncError(
            f"the disk is full: {error}" if full else f"{type(error).__name__}: {error}",
            place=str(folder),
            fix="Free space there, or move the project." if full else "",
        ) from error
    except Exception as error:
        raise FatalSyncError(
            f"{type(error).__name__}: {error}",
            place="connector-target",
            fix="Nothing was loaded. This looks like a defect of connector-target: report it.",
        ) from error


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write ``manifest`` as JSON in one step: a reader finds all of it or no file."""
    from connector_assets.singer.literals import dump_json

    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write(dump_json(manifest))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="connector-target",
        description="Load a Singer stream from standard input into DuckDB or DuckLake, "
        "completely or not at all.",
    )
    parser.add_argument("--config", "-c", type=Path, metavar="FILE", help="a JSON configuration")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--about", action="store_true", help="print capabilities and settings")
    # What other targets take beside --about; there is one form of it.
    parser.add_argument("--format", choices=["json"], help="the form of --about")
    return parser


def _print_json(value: dict[str, Any], file: IO[str] | None = None) -> None:
    from connector_assets.singer.literals import dump_json

    print(dump_json(value), file=file or sys.stdout, flush=True)


def _with_stream(error: ConnectorError) -> str:
    return f"stream {error.stream!r}: {error}" if error.stream else str(error)


if __name__ == "__main__":
    sys.exit(main())
