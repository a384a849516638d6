"""Whether the compiled engine is used: a setting of each thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_WORDS: dict[str, bool | str] = {"1": True, "0": False, "auto": "auto"}


def _checked(compiled: Any) -> bool | str:
    if isinstance(compiled, bool) or compiled == "auto":
        return compiled  # type: ignore[no-any-return]
    raise ValueError(f"compiled must be True, False or 'auto', got {compiled!r}.")


def _of_environment() -> bool | str:
    word = os.environ.get("SKMLP_COMPILED", "auto")
    if word not in _WORDS:
        raise ValueError(
            f"The environment variable SKMLP_COMPILED must be one of {[*_WORDS]}, got {word!r}."
        )
    return _WORDS[word]


_DEFAULT = _of_environment()
_compiled: ContextVar[bool | str] = ContextVar("compiled", default=_DEFAULT)


def get_config() -> dict[str, Any]:
    """Return the settings of this thread.

    Returns
    -------
    dict
        ``compiled``: see `set_config`.

    Examples
    --------
    >>> import skmlp
    >>> with skmlp.config_context(compiled=False):
    ...     skmlp.get_config()
    {'compiled': False}
    """
    return {"compiled": _compiled.get()}


def set_config(*, compiled: bool | str | None = None) -> None:
    """Change the settings of this thread.

    A search hands them on to its workers. A thread that a program starts begins with the defaults.

    Parameters
    ----------
    compiled : bool or "auto", default=None
        Whether numba's training loop is used where it is installed and knows all that was chosen: always
        (True), never (False), or where it pays ("auto", the default at the start, or what the
        environment variable ``SKMLP_COMPILED`` says by 1, 0 or auto). None leaves the setting as it is.

    Examples
    --------
    >>> import skmlp
    >>> before = skmlp.get_config()
    >>> skmlp.set_config(compiled=False)
    >>> skmlp.get_config()
    {'compiled': False}
    >>> skmlp.set_config(**before)
    """
    if compiled is not None:
        _compiled.set(_checked(compiled))


@contextmanager
def config_context(*, compiled: bool | str | None = None) -> Iterator[None]:
    """Change the settings of this thread within a ``with`` block.

    Parameters
    ----------
    compiled : bool or "auto", default=None
        See `set_config`.

    Examples
    --------
    >>> import skmlp
    >>> with skmlp.config_context(compiled=False):
    ...     pass  # what is fitted here is fitted by numpy alone
    """
    token = _compiled.set(_compiled.get() if compiled is None else _checked(compiled))
    try:
        yield
    finally:
        _compiled.reset(token)
