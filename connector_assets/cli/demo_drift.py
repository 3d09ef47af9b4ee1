"""The demo's acts of drift: an API changes, the gate stops it, a person lets it through."""

from __future__ import annotations

from typing import Any

from connector_assets.cli import demo_project as project
from connector_assets.cli.demo_shell import Demo, ask, expect, headline, say, show

Rows = list[dict[str, Any]]
AIRPORTS = "SELECT count(*) AS airports, max(alt) AS highest FROM geography.airports"
AS_TEXT = "SELECT faa, alt, timezone FROM geography.airports ORDER BY faa LIMIT 3"
BEFORE = "SELECT faa, name, alt, tzone AS zone FROM geography.airports ORDER BY faa"
AFTER = BEFORE.replace("tzone", "timezone")


def change_the_api(demo: Demo) -> Rows:
    """Show that a changed type is not loaded, and return the table's rows, which are as before.

    Raises:
        FatalSyncError: It was loaded.
    """
    headline(demo, "8. The API changes overnight: altitudes are text now, tzone has another name")
    before = ask(demo, "lake", sql=BEFORE)
    project.publish_api(demo.folder, version="2")
    code = show(demo, "sync", "airports")
    expect(code != 0, "the sync did not tell that the API had changed")
    show(demo, "query", "lake", AIRPORTS)
    expect(
        ask(demo, "lake", sql=BEFORE) == before, "the API's change was loaded, and nobody was asked"
    )
    show(demo, "drift", "diff", "airports")
    say(demo, "nothing was loaded: whoever reads the table has yesterday's rows, all of them")
    return before


def let_it_through(demo: Demo, *, before: Rows) -> None:
    """Show that what was held arrives once it is approved, without its source.

    Raises:
        FatalSyncError: It did not arrive as it was staged.
    """
    headline(
        demo, "9. Somebody approves it: what was held is loaded. The API is switched off by now"
    )
    code = show(demo, "approve", "airports", "--release")
    expect(code == 0, f"the release ended with exit code {code}")
    show(demo, "query", "lake", AS_TEXT)
    changed = [{**row, "alt": f"{row['alt']} ft"} for row in before]
    expect(ask(demo, "lake", sql=AFTER) == changed, "what arrived is not what was held")
    say(demo, "one column `alt` as before, now text; the source was not asked again")
