"""A tap whose source gives a new refresh token for each old one, and takes no old one again.

Config: ``refresh_token``, ``source``, a file with the token that is valid now. Puts the new one
into its own configuration file, by Singer's custom; with ``renames`` it replaces the file. A file
``SOURCE.hangs`` beside it makes it wait after that.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from _tap import parse_arguments, send_record, send_schema, send_state, serve_discovery

options = parse_arguments()
source = Path(options.config["source"])
serve_discovery(options, "orders")
given, valid = options.config["refresh_token"], source.read_text(encoding="utf-8")
if given != valid:
    sys.stderr.write("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: x\n")
    sys.exit(1)
number = int(valid.rpartition("-")[2]) + 1
new = f"canary-refresh-{number}"
source.write_text(new, encoding="utf-8")
waits = Path(f"{source}.hangs").exists()
if not waits:
    sys.stderr.write(f"got the refresh token {new}\n")
config = Path(sys.argv[sys.argv.index("--config") + 1])
text = json.dumps({**options.config, "refresh_token": new})
if options.config.get("renames"):
    config.with_suffix(".new").write_text(text, encoding="utf-8")
    config.with_suffix(".new").replace(config)
else:
    config.write_text(text, encoding="utf-8")
sys.stderr.write(f"wrote the refresh token {new}\n")
while Path(f"{source}.hangs").exists():
    Path(f"{source}.rotated").touch()
    time.sleep(0.05)
send_schema("orders")
send_record("orders", number)
send_state(orders=number)
