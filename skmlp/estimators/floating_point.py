"""numpy's floating-point errors: whatever the user lets them raise, results are the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

Method = TypeVar("Method", bound=Callable[..., Any])


def never_raised() -> np.errstate:
    """Return the user's settings, but with warnings in place of errors; underflow is neither.

    Exponentials of large negative numbers underflow to zero, as they should.
    """
    settings = {kind: "warn" if how == "raise" else how for kind, how in np.geterr().items()}
    return np.errstate(**cast(Any, settings | {"under": "ignore"}))


def unraised(method: Method) -> Method:
    """Return the method with floating-point errors `never_raised`."""

    @wraps(method)
    def calm(*args: Any, **kwargs: Any) -> Any:
        with never_raised():
            return method(*args, **kwargs)

    return cast(Method, calm)
