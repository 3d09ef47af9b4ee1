"""A tap that says its secrets in many forms; config: ``told``, ``token``, ``login.password``.

The file ``told`` says what it does: ``ok``, ``fail``, or ``wait``, until it says something else.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from urllib.parse import quote

from _tap import parse_arguments, send_record, send_schema, send_state, serve_discovery

options = parse_arguments()
serve_discovery(options, "rows")
told = Path(options.config["told"])
secrets = (options.config["token"], options.config["login"]["password"])
for secret in secrets:
    coded = base64.b64encode(f"user:{secret}".encode()).decode()
    for form in (secret, repr(secret), json.dumps({"x": secret}), quote(secret, safe=""), coded):
        sys.stderr.write(f"INFO trying {form}\n")
while told.read_text(encoding="utf-8") == "wait":
    told.with_suffix(".waits").touch()
    time.sleep(0.05)
send_schema("rows")
send_record("rows", 1)
if told.read_text(encoding="utf-8") == "fail":
    raise RuntimeError(f"refused: {secrets} at https://user:{quote(secrets[0], safe='')}@x/y")
send_state(rows=1)
