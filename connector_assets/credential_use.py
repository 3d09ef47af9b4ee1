"""What a connector says of its credentials beside where each one comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Where a rotated value goes that goes back to where it came from.
SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUse:
    """The credential model that a connector's secrets follow, and which of them its tap rotates.

    ``version`` is what the file is written for, ``current`` what the model is at: the connector has
    the current names whichever it is. Without a model both are 0. ``write_back`` has, by the name
    of a secret, :data:`SOURCE` or the ``command:`` that takes a new value.
    """

    model: str = ""
    version: int = 0
    current: int = 0
    write_back: Mapping[str, str] = field(default_factory=dict)
