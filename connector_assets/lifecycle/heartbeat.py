"""The heartbeat: a page of others that raises the alarm where it hears nothing any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.request import Request, urlopen

from connector_assets.credentials.sources import resolve_text
from connector_assets.errors import CredentialError
from connector_assets.lifecycle.bounded import run_bounded
from connector_assets.lifecycle.setting import Setting

#: Seconds that the page has to answer.
_ANSWER = 5.0
_BEAT = "heartbeat"
_USUAL = ("http://", "https://")


def beat(setting: Setting, *, alive: Callable[[], bool] = lambda: True) -> bool:
    """Report a living scheduler, where it is time again; return whether it was heard.

    At most as often as ``heartbeat.every`` says, by whichever process comes first. ``alive`` is
    asked only then; where it says no, nothing is reported. A page that does not answer fails
    nothing.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    heartbeat, environment = setting.project.heartbeat, setting.project.environment
    if heartbeat is None:
        return False
    beats, now = setting.ledger.beats, datetime.now(UTC)
    if not beats.claim(_BEAT, environment=environment, every=heartbeat.every, now=now):
        return False
    if not alive():
        return False
    failure = _ping(setting, heartbeat.url)
    if failure:
        event = f"the heartbeat was not heard: {failure}"
        setting.observer.logged({"level": "error", "event": event})
    return not failure


def _ping(setting: Setting, source: str) -> str:
    """Ask the page; return what went wrong, without its address, which is often a secret."""
    try:
        url = resolve_text(source, of="heartbeat", root=setting.project.root)
        if not url.startswith(_USUAL):
            return "its address does not begin with https://"
        run_bounded(lambda: _ask(url), seconds=_ANSWER)
    except CredentialError as error:
        return error.problem
    except (OSError, ValueError) as error:
        status = getattr(error, "code", None)
        return f"it answered {status}" if status else f"it did not answer ({type(error).__name__})"
    return ""


def _ask(url: str) -> None:
    request = Request(url, headers={"User-Agent": "connector-assets"})
    with urlopen(request, timeout=_ANSWER):
        pass
