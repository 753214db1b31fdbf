"""Names that a topic forbids: found in the source before it runs, and again while it runs."""

from __future__ import annotations
