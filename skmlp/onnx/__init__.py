"""Fitted networks as ONNX models, which run without Python: converters for skl2onnx."""

__all__ = ["register"]


def register() -> None:
    """Register converters with skl2onnx, for all estimators and searches of skmlp.

    After that, ``skl2onnx.to_onnx(model, X)`` converts them, alone, in a pipeline and behind a search. To
    call it twice changes nothing.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install "skmlp[onnx]"``.

    Notes
    -----
    The model computes in the precision of the X that ``to_onnx`` is given: float64 if X is, else float32.

    `MLPClassifier` has the options ``zipmap``, ``nocl`` and ``output_class_labels`` of scikit-learn's
    classifiers, and ``raw_scores``, with which `decision_function` stands in the place of the
    probabilities. With several multiclass targets, the probabilities are a sequence with an array for each
    target.

    `MixtureDensityRegressor` puts out ``variable``, the mean, and the ``weights``, ``means`` and ``scales``
    of `predict_dist`.

    A custom activation, and a custom loss with an inverse link of its own, raise NotImplementedError.

    References
    ----------
    .. [1] https://onnx.ai/sklearn-onnx/

    Examples
    --------
    >>> import numpy as np
    >>> from onnxruntime import InferenceSession
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.onnx import register
    >>> register()
    >>> X, y = load_iris(return_X_y=True)
    >>> X = X.astype(np.float32)
    >>> classifier = MLPClassifier(learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> converted = to_onnx(classifier, X[:1], options={"zipmap": False})
    >>> labels, probabilities = InferenceSession(converted.SerializeToString()).run(None, {"X": X})
    >>> bool((labels == classifier.predict(X)).all())
    True
    >>> np.allclose(probabilities, classifier.predict_proba(X), atol=1e-6)
    True
    """
    try:
        from skmlp.onnx.converters import register_converters
    except ImportError as error:
        raise ImportError(
            'Conversion to ONNX needs skl2onnx: install it with pip install "skmlp[onnx]".'
        ) from error
    register_converters()
