"""Converters of skl2onnx: what each estimator puts out, and the graph that computes it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter, update_registered_parser
from skl2onnx._parse import _parse_sklearn_classifier, sklearn_parsers_map
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    SequenceType,
    StringTensorType,
    guess_tensor_type,
)
from skl2onnx.common.utils import check_input_and_output_numbers
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor, model_selection
from skmlp.fitting.class_targets import MULTILABEL, MULTIOUTPUT, ClassTargets
from skmlp.network.arrays import Array
from skmlp.network.mixture_density import MixtureDensity
from skmlp.onnx.counterparts import LAYERS, counterpart, of_loss, softplus
from skmlp.onnx.graph import Graph

SEARCHES = (
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
    model_selection.HalvingGridSearchCV,
    model_selection.HalvingRandomSearchCV,
)
CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}
DENSITY = ("weights", "means", "scales")
"""The outputs of a mixture density network beside its mean."""


def alias(cls: type) -> str:
    """Return the name of an estimator among skl2onnx's operators."""
    return f"Skmlp{cls.__name__}"


# Raw scores, which all estimators have


def graph_of_scores(scope: Any, operator: Any, container: Any) -> tuple[Graph, str]:
    """Return the graph up to the raw scores: of shape (n, q), of an ensemble (K, n, q)."""
    model = operator.raw_operator
    fitted = model._fitted_network(model.n_features_in_)
    dtype = np.float64 if isinstance(operator.inputs[0].type, DoubleTensorType) else np.float32
    g = Graph(scope, container, dtype, fitted.n_networks)
    h = g("Cast", operator.inputs[0].full_name, to=11 if dtype == np.float64 else 1)
    h = g.inputs = scaled(g, getattr(model, "x_scaler_", None), h)
    network = fitted.network
    for layer, g.width, arrays in zip(network.layers, network.widths[1:], fitted.layers, strict=True):
        parameters = [array[0] for array in arrays] if fitted.n_networks == 1 else arrays
        h = counterpart(LAYERS, type(layer), f"The layer {layer!r}")(g, layer, parameters, h)
    return g, h


def scaled(g: Graph, scaler: Any, x: str) -> str:
    """Return features as the network sees them."""
    if scaler is None:
        return x
    if scaler.with_mean:
        # In two steps: a mean that is large beside the scale would lose digits in float32.
        mean = scaler.mean_.astype(g.dtype)
        x = g("Sub", g("Sub", x, mean), scaler.mean_ - mean)
    return g("Div", x, scaler.scale_)


def unscaled(g: Graph, scaler: Any, y: str) -> str:
    """Return predictions in the units of y."""
    return y if scaler is None else g("Add", g("Mul", y, scaler.scale_), scaler.mean_)


def check_model(operator: Any) -> Any:
    """Return the fitted model of an operator, which has a single input."""
    check_input_and_output_numbers(operator, input_count_range=1)
    check_is_fitted(operator.raw_operator)
    return operator.raw_operator


# Regressors


def n_targets(model: Any) -> int:
    """Return the number of targets of a mixture density network."""
    return int(model.y_scaler_.n_features_in_)


def regressor_shapes(operator: Any) -> None:
    """Set the type of the output."""
    model, kind = check_model(operator), guess_tensor_type(operator.inputs[0].type)
    n_columns = n_targets(model) if isinstance(model, MixtureDensityRegressor) else model.n_outputs_
    kind.shape = [operator.inputs[0].get_first_dimension(), int(n_columns)]
    operator.outputs[0].set_type(kind)


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Write the graph of `MLPRegressor.predict`."""
    model = operator.raw_operator
    g, z = graph_of_scores(scope, operator, container)
    y = unscaled(g, getattr(model, "y_scaler_", None), of_loss(g, model._fitted_loss(), "inverse_link", z))
    g("Identity", g.mean_over_members(y), output=operator.outputs[0].full_name)


# Mixture density networks


def parse_density(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the mean, and the weights, means and scales of the components."""
    operator = scope.declare_local_operator(alias(MixtureDensityRegressor), model)
    operator.inputs = inputs
    for name in ("variable", *DENSITY):
        operator.outputs.append(scope.declare_local_variable(name, guess_tensor_type(inputs[0].type)))
    return operator.outputs


def density_shapes(operator: Any) -> None:
    """Set the types of the outputs: of the mean alone, where a tool has declared no other."""
    regressor_shapes(operator)
    model, n = operator.raw_operator, operator.inputs[0].get_first_dimension()
    n_components = model._fitted_loss().n_components * len(getattr(model, "members_", [model]))
    shape = [n, n_components] + [n_targets(model)] * (n_targets(model) > 1)
    for output, name in zip(operator.outputs[1:], DENSITY, strict=False):
        kind = guess_tensor_type(operator.inputs[0].type)
        kind.shape = shape[:2] if name == "weights" else shape
        output.set_type(kind)


def convert_density(scope: Any, operator: Any, container: Any) -> None:
    """Write the graph of `MixtureDensityRegressor.predict_dist`, and of its mean."""
    model = operator.raw_operator
    loss: MixtureDensity = model._fitted_loss()
    g, z = graph_of_scores(scope, operator, container)
    M, q = loss.n_components, n_targets(model)
    n_logits = M if M > 1 else 0
    ends = np.cumsum([0, n_logits, M * q, M * q]).tolist()
    logits, means, scale_scores = (g.columns(z, *part) for part in pairwise(ends))
    weights = g("Softmax", logits, axis=-1) if n_logits else g("Exp", g("Mul", g.columns(z, 0, 1), 0.0))
    weights = components(g, g("Div", weights, float(g.n_networks)), M, 1)
    means = unscaled(g, model.y_scaler_, components(g, means, M, q))
    scales = components(g, g("Add", softplus(g, scale_scores), float(loss.min_scale)), M, q)
    scales = g("Mul", scales, model.y_scaler_.scale_)
    mean = g("ReduceSum", g("Mul", weights, means), [1], keepdims=0)
    shape = [-1, M * g.n_networks] + [q] * (q > 1)
    results = [mean, g("Reshape", weights, shape[:2]), *(g("Reshape", a, shape) for a in (means, scales))]
    for output, result in zip(operator.outputs, results, strict=False):
        g("Identity", result, output=output.full_name)


def components(g: Graph, a: str, n_components: int, n_targets: int) -> str:
    """Return what the members say of their components, (K, n, M q), as one mixture: (n, K M, q)."""
    if g.n_networks > 1:
        a = g("Transpose", a, perm=[1, 0, 2])
    return g("Reshape", a, [-1, g.n_networks * n_components, n_targets])


# Classifiers


def parse_classifier(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare labels and probabilities; those of several targets are a sequence."""
    check_is_fitted(model)
    options = scope.get_options(model, {"zipmap": True, "output_class_labels": False})
    if not isinstance(model.classes_, list):
        if options["zipmap"] is True and isinstance(inputs[0].type, DoubleTensorType):
            raise NotImplementedError(
                "onnxruntime makes dictionaries of float32 only: convert with options={'zipmap': False}, or"
                " give to_onnx an X of float32."
            )
        return _parse_sklearn_classifier(scope, model, inputs, custom_parsers=custom_parsers)
    if options["zipmap"] == "columns" or options["output_class_labels"]:
        raise NotImplementedError(
            "zipmap='columns' and output_class_labels=True are for one target, and the network predicts"
            f" {len(model.classes_)}."
        )
    operator = scope.declare_local_operator(alias(MLPClassifier), model)
    operator.inputs = inputs
    kind = SequenceType(guess_tensor_type(inputs[0].type))
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    operator.outputs.append(scope.declare_local_variable("probabilities", kind))
    return operator.outputs


def targets_of(model: MLPClassifier) -> ClassTargets:
    """Return what the fitted network predicts."""
    return model._fitted_targets(model._fitted_loss())


def labels_of(targets: ClassTargets, *, nocl: bool) -> list[Array]:
    """Return the classes of each target as ONNX has them: all integers, or all strings."""
    classes = targets.classes if targets.kind == MULTIOUTPUT else [targets.classes]
    if nocl:
        return [np.arange(len(known)) for known in classes]
    if all(isinstance(label, str) for known in classes for label in known):
        return [np.asarray(known, dtype=object) for known in classes]
    try:
        whole = [np.asarray(known).astype(np.int64) for known in classes]
        if all(np.array_equal(a, b) for a, b in zip(whole, classes, strict=True)):
            return whole
    except (TypeError, ValueError):
        pass
    raise NotImplementedError(f"Labels of ONNX are integers or strings, got {targets.classes!r}.")


def classifier_shapes(operator: Any) -> None:
    """Set the types of labels and probabilities."""
    model = check_model(operator)
    targets, n = targets_of(model), operator.inputs[0].get_first_dimension()
    options = operator.scope_inst.get_options(model, {"nocl": False})
    is_string = labels_of(targets, nocl=options["nocl"])[0].dtype == object
    n_columns = len(targets.columns)
    kind = StringTensorType if is_string else Int64TensorType
    operator.outputs[0].set_type(kind([n, n_columns] if n_columns > 1 else [n]))
    scores = guess_tensor_type(operator.inputs[0].type)
    if targets.kind == MULTIOUTPUT:
        scores.shape = [n, None]
        operator.outputs[1].set_type(SequenceType(scores))
    else:
        scores.shape = [n, len(targets.classes)]
        operator.outputs[1].set_type(scores)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Write the graph of `MLPClassifier.predict` and `predict_proba`, or `decision_function`."""
    model = operator.raw_operator
    options = container.get_options(model, {"raw_scores": False, "nocl": False})
    if hasattr(model, "posterior_factor_"):
        raise NotImplementedError(
            "The probabilities of a network with laplace depend on its posterior, which is not converted:"
            " fit with laplace=None."
        )
    targets = targets_of(model)
    g, z = graph_of_scores(scope, operator, container)
    if g.n_networks > 1:
        z = of_loss(g, targets.loss, "scores_of_mean", z)
    label, probabilities = (output.full_name for output in operator.outputs)
    if targets.kind == MULTILABEL:
        g("Cast", g("Greater", z, 0.0), output=label, to=7)
        p = z if options["raw_scores"] else of_loss(g, targets.loss, "inverse_link", z)
        g("Identity", p, output=probabilities)
        return
    if targets.kind == "binary" and len(targets.classes) == 2:
        z = g("Concat", g("Neg", z), z, axis=-1)  # the scores of both classes
    classes = labels_of(targets, nocl=options["nocl"])
    p = z if options["raw_scores"] else probabilities_of(g, targets, z)
    if len(classes) == 1:
        g("Gather", classes[0], g("ArgMax", z, axis=-1, keepdims=0), output=label)
        g("Identity", p, output=probabilities)
        return
    groups = [*pairwise(np.cumsum([0, *targets.group_sizes]).tolist())]
    codes = [g("ArgMax", g.columns(z, *group), axis=-1, keepdims=1) for group in groups]
    g("Concat", *map(g, ["Gather"] * len(codes), classes, codes), axis=-1, output=label)
    g("SequenceConstruct", *(g.columns(p, *group) for group in groups), output=probabilities)


def probabilities_of(g: Graph, targets: ClassTargets, z: str) -> str:
    """Return probabilities, a column for each class."""
    if len(targets.columns[0]) == 1 and targets.kind == "binary":
        return g("Softmax", z, axis=-1)  # 1
    return of_loss(g, targets.loss, "inverse_link", z)


def register_converters() -> None:
    """Register all of the above with skl2onnx."""
    more: dict[type, dict[str, Any]] = {
        MLPClassifier: {"parser": parse_classifier, "options": CLASSIFIER_OPTIONS},
        MixtureDensityRegressor: {"parser": parse_density},
    }
    for cls, shapes, convert in (
        (MLPClassifier, classifier_shapes, convert_classifier),
        (MLPRegressor, regressor_shapes, convert_regressor),
        (MixtureDensityRegressor, density_shapes, convert_density),
    ):
        update_registered_converter(cls, alias(cls), shapes, convert, **more.get(cls, {}))
    # A search is converted as scikit-learn's GridSearchCV: what counts is its best estimator.
    for cls in SEARCHES:
        sklearn_operator_name_map[cls] = sklearn_operator_name_map[GridSearchCV]
        update_registered_parser(cls, sklearn_parsers_map[GridSearchCV])
