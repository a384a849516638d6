"""scikit-learn's functions for validation, called with fits that have been trained as stacks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

import numpy as np
from joblib import parallel_config
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skmlp.model_selection.documentation import documented
from skmlp.model_selection.prefit import ExpectedFit, ObservedSplitter, Prefit, splitter_if_prefit
from skmlp.model_selection.samples import fit_params
from skmlp.network.arrays import Array

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """A call of one of scikit-learn's functions.

    Attributes
    ----------
    function : callable
    estimator, X, y : object
        Its first arguments.
    options : dict
        All others, defaults included.
    """

    function: Callable[..., Any]
    estimator: Any
    X: Any
    y: Any
    options: dict[str, Any]

    @property
    def params(self) -> dict[str, Any]:
        """The metadata; before scikit-learn 1.8, curves take them as ``fit_params`` too."""
        return self.options["params"] or self.options.get("fit_params") or {}

    def result(self, **others: Any) -> Any:
        """Return what scikit-learn's function returns, some arguments replaced by ``others``."""
        arguments = {"estimator": self.estimator, "X": self.X, "y": self.y} | self.options
        return self.function(**arguments | others)

    def result_with_stacks(
        self,
        expected_of: Callable[[list[Array]], list[ExpectedFit]],
        encode: Callable[[Any], Any] = lambda y: y,
    ) -> tuple[Any, list[float] | None]:
        """Return what scikit-learn's function returns when the fits have been trained as stacks.

        Parameters
        ----------
        expected_of : callable
            From the training parts to the fits that the function asks for, in its order.
        encode : callable, default=identity
            From y to what the function fits to.

        Returns
        -------
        result : object
        seconds : list of float, or None
            The time of each fit; None if scikit-learn made the fits itself.
        """
        if (cv := self.splitter()) is None:
            return self.result(), None
        fits = self.prefit(for_user=bool(self.options.get("return_estimator")))

        def expect(X: Any, y: Any, parts: list[Array]) -> None:
            fits.expect(X, encode(y), self.fit_params(), expected_of(parts))

        return self.result_with(fits, ObservedSplitter(cv, expect)), fits.seconds

    def splitter(self) -> Any:
        """Return what splits the data; None if scikit-learn is to make the fits itself."""
        checked = {name: self.options[name] for name in ("cv", "n_jobs", "verbose")}
        return splitter_if_prefit(self.estimator, self.y, **checked)

    def prefit(self, **options: Any) -> Prefit:
        """Return what makes the fits."""
        return Prefit(
            self.estimator,
            n_jobs=self.options["n_jobs"],
            verbose=self.options["verbose"],
            pre_dispatch=self.options.get("pre_dispatch", "2*n_jobs"),
            error_score=self.options.get("error_score", "raise"),
            **options,
        )

    def result_with(self, fits: Prefit, cv: Any) -> Any:
        """Return what scikit-learn's function returns with fits that are made for it."""
        with parallel_config(backend="sequential"):
            return self.result(estimator=fits.stand_in(), cv=cv, n_jobs=1)

    def fit_params(self) -> dict[str, Any]:
        """Return the metadata that the estimator is given."""
        return fit_params(self.router(), self.params)

    def seeded(self) -> Call:
        """Return the call with a seed: then what is drawn here is what scikit-learn will draw."""
        if self.options["random_state"] is not None:
            return self
        seed = check_random_state(None).randint(np.iinfo(np.int32).max)
        return replace(self, options=self.options | {"random_state": seed})

    def router(self) -> MetadataRouter:
        """Return who may ask for metadata."""

        def of_fit(method: str) -> MethodMapping:
            return MethodMapping().add(caller="fit", callee=method)

        scorer = check_scoring(self.estimator, self.options.get("scoring"))
        return (
            MetadataRouter(owner=type(self.estimator).__name__)
            .add(estimator=self.estimator, method_mapping=of_fit("fit"))
            .add(splitter=self.options["cv"], method_mapping=of_fit("split"))
            .add(scorer=scorer, method_mapping=of_fit("score"))
        )


def like(
    theirs: Callable[Arguments, Any],
) -> Callable[[Callable[[Call], Result]], Callable[Arguments, Result]]:
    """Give a function of a `Call` the signature of ``theirs``, and document its parameters."""
    signature = inspect.signature(theirs)

    def decorate(ours: Callable[[Call], Result]) -> Callable[Arguments, Result]:
        @functools.wraps(ours)
        def function(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            options = dict(bound.arguments)
            estimator, X, y = (options.pop(name) for name in ("estimator", "X", "y"))
            return ours(Call(theirs, estimator, X, y, options))

        vars(function)["__signature__"] = signature
        return documented(function)

    return decorate
