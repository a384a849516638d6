"""An ONNX graph that is written node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.numpy_helper import from_array

MIN_OPSET = 13
"""The first version of ONNX's operators in which softmax has an axis, and the axes of sums are an input."""


class Graph:
    """The nodes of one model, in the precision of its input; a call adds a node.

    Parameters
    ----------
    scope, container
        What skl2onnx gives a converter.
    dtype : numpy.dtype
        The precision of what is computed.
    n_networks : int
        How many members the arrays have as their first axis; one has no such axis.

    Attributes
    ----------
    inputs : str
        The name of what the network sees of the features.
    width : int
        The units of the layer that is being written.
    """

    def __init__(self, scope: Any, container: Any, dtype: Any, n_networks: int) -> None:
        if container.target_opset_onnx < MIN_OPSET:
            raise NotImplementedError(
                f"Networks are converted for target_opset={MIN_OPSET} or later, got"
                f" {container.target_opset_onnx}."
            )
        self.scope, self.container, self.dtype = scope, container, np.dtype(dtype)
        self.n_networks = n_networks
        self.inputs, self.width = "", 0

    def __call__(self, op: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output.

        Parameters
        ----------
        op : str
            The ONNX operator.
        *inputs : str, or array-like
            Names of results; numbers and arrays become constants.
        output : str, default=None
            The name of the result; None: a new one.
        **attributes
            Those of the operator.
        """
        output = output or self.scope.get_unique_variable_name(op.lower())
        names = [given if isinstance(given, str) else self.constant(given) for given in inputs]
        name = self.scope.get_unique_operator_name(op)
        self.container.add_node(op, names, output, name=name, **attributes)
        return output

    def constant(self, values: Any) -> str:
        """Return the name of a constant: of real numbers in the graph's precision, integers or strings."""
        values = np.asarray(values)
        name: str = self.scope.get_unique_variable_name("constant")
        if values.dtype.kind in "OU":
            content = [str(value).encode() for value in values.ravel()]
            self.container.add_initializer(name, TensorProto.STRING, values.shape, content)
            return name
        values = values.astype(self.dtype if values.dtype.kind == "f" else np.int64)
        tensor = from_array(np.ascontiguousarray(values))
        self.container.add_initializer(name, tensor.data_type, values.shape, tensor)
        return name

    def mean_over_members(self, x: str) -> str:
        """Return the mean over the members, shape (n, q)."""
        return (
            x
            if self.n_networks == 1
            else self("Div", self.over_members("ReduceSum", x), float(self.n_networks))
        )

    def columns(self, x: str, start: int, stop: int) -> str:
        """Return some of the last axis of ``x``."""
        return self("Slice", x, [start], [stop], [-1])

    def over_members(self, op: str, x: str) -> str:
        """Return ``x`` (K, n, q) reduced to (n, q) by an operator."""
        # The axes of ReduceSum are an input from version 13 on, those of other reductions from 18 on.
        if op == "ReduceSum" or self.container.target_opset_onnx >= 18:
            return self(op, x, [0], keepdims=0)
        return self(op, x, axes=[0], keepdims=0)
