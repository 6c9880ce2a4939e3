"""The errors that vpr_ros raises on purpose: their text is meant for the user."""

from __future__ import annotations

from collections.abc import Iterable
import difflib

__all__ = ['VprError', 'nearest_name', 'unknown_name']


class VprError(Exception):
    """Something the user can put right; the text says what was expected, what came, what to do."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, or None when none does."""
    spellings = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(name.lower(), list(spellings), n=1, cutoff=0.5)
    return spellings[matches[0]] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> VprError:
    """Make the error for a name that is none of ``known``, with the nearest right one."""
    names = sorted(known)
    nearest = nearest_name(name, names)
    hint = f'; did you mean {nearest!r}?' if nearest else ''
    return VprError(f'unknown {kind} {name!r}{hint} (known: {", ".join(names) or "none"})')
