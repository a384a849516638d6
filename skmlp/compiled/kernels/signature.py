"""The types of the arguments of what Python calls, for which it is compiled."""

import numpy as np
from numba import from_dtype, types


def array(element, n_axes=1, *, readonly=False):
    return types.Array(element, n_axes, "C", readonly=readonly)


def of_train(dtype: np.dtype) -> tuple:
    """Return the types of the arguments of `skmlp.compiled.kernels.steps.train` in one precision."""
    number, integer = from_dtype(np.dtype(dtype)), types.int64
    pair = types.UniTuple(integer, 2)
    samples = (
        array(number, readonly=True),
        pair,
        array(integer),
        array(number, readonly=True),
        array(integer, 2),
        array(integer),
        array(number),
    )
    batches = array(integer, 2), array(integer), integer
    net = *[array(integer)] * 5, array(number, 2)
    dropout = array(types.uint16, 2), array(integer, 2), array(number, 2)
    loss = integer, array(number), array(integer), integer
    optimizer = integer, array(number, 3), integer, array(number), array(types.float64), integer
    room = array(integer), *[array(number)] * 8
    return (
        pair,
        pair,
        *(types.Tuple(of) for of in (samples, batches, net, dropout, loss, optimizer)),
        array(number, 2),
        array(number, 3),
        types.Tuple(room),
        array(types.float64, 2),
    )


def of_move_part(dtype: np.dtype) -> tuple:
    """Return the types of the arguments of `skmlp.compiled.kernels.optimizers.move_part`."""
    number, integer = from_dtype(np.dtype(dtype)), types.int64
    arrays = array(number, 2), array(number, 2), array(number, 3)
    numbers = integer, array(number), array(number), array(types.float64)
    return integer, integer, *arrays, *numbers, integer, array(number, 2), array(types.float64)
