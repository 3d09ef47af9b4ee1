"""The pictures of the documentation: each is shown, light, and taken by the script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMAGES = sorted((ROOT / "docs" / "images").iterdir())
SHOWN = {
    (page.parent / link).resolve()
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
}


def test_pages_show_the_images_that_there_are() -> None:
    assert sorted(SHOWN) == IMAGES


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_image_is_a_light_png(image: Path) -> None:
    content = image.read_bytes()

    assert content.startswith(b"\x89PNG")
    assert len(content) < 200_000


@pytest.mark.parametrize("view", ["dagster", "airflow"])
def test_script_takes_each_picture_of_a_view(view: str) -> None:
    script = (ROOT / "scripts" / f"record_{view}.py").read_text(encoding="utf-8")
    taken = {f"{view}-{name}.png" for name in re.findall(r'save\(page, "(\w+)"', script)}

    assert taken == {image.name for image in IMAGES if image.name.startswith(f"{view}-")}
