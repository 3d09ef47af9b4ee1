"""Sync one connector as ``connectors sync NAME --project DIR --json`` does; prints how it ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from uuid import uuid4

from connector_assets.errors import ConnectorError
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.exits import exit_code
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import load_project


def main() -> int:
    name, _, folder, *words = sys.argv[1:]
    project = load_project(Path(folder))
    request = StartRequest(root_run_id=uuid4().hex, scheduled="--scheduled" in words)
    try:
        with Ledger.open(project.ledger_url) as ledger:
            setting = Setting(project=project, ledger=ledger)
            row = run_sync(setting, project.connector(name), request=request)
    except ConnectorError as error:
        print(json.dumps({"error": error.to_record()}))
        return error.exit_code
    error_record = row.result.get("error", {})
    print(json.dumps({"sync_id": row.sync_id, "verdict": row.verdict, "cause": row.cause}))
    return exit_code(row.verdict, error=error_record)


if __name__ == "__main__":
    sys.exit(main())
