"""The runbooks: a page for each verdict, with commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector_assets.model import Verdict

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "runbooks").glob("*.md"))


def test_each_verdict_has_its_page_and_no_other_word_has_one() -> None:
    assert {page.stem for page in PAGES} == {str(verdict) for verdict in Verdict}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_names_commands_and_options_that_there_are(page: Path) -> None:
    reference = (DOCS / "commands.md").read_text()
    block = re.findall(r"```\n(.*?)```", page.read_text(), re.DOTALL)[0]

    for line in block.splitlines():
        command = line.partition("#")[0].split()
        words = [one for one in command[1:] if one.islower() and not one.startswith("-")]
        assert f"## `connectors {' '.join(words)}`" in reference, line
        section = reference.split(f"## `connectors {' '.join(words)}`")[1].split("\n## ")[0]
        for option in (one for one in command if one.startswith("--")):
            assert option in section, line
