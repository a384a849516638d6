"""Matrix products, by BLAS or, where to call it would take longer, by loops; see `skmlp.network.arrays`.

Which of the two depends on the shapes alone: a network computes the same, to the last bit, in a stack and
alone.
"""

from numba import njit, types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.linalg import call_xxgemm

from skmlp.compiled.kernels.options import FAST

FEW = 2048
"""Number of multiplications up to which a loop is quicker."""


@intrinsic
def blas(typing_context, x, weights, out):
    """Write ``x @ weights`` into ``out``, by the BLAS of scipy: ``np.dot`` without its checks."""

    def generate(context, builder, signature, arguments):
        parts = []
        for kind, argument in zip(signature.args, arguments, strict=True):
            array = context.make_array(kind)(context, builder, argument)
            parts += [kind, unpack_tuple(builder, array.shape), array.data]
        call_xxgemm(context, builder, *parts)
        return context.get_dummy_value()

    return types.void(x, weights, out), generate


@njit(**FAST)
def product(x, weights, out):
    """Write ``x @ weights`` into ``out``."""
    (n, m), q = x.shape, weights.shape[1]
    if q == 1:
        for i in range(n):
            total = x.dtype.type(0)
            for k in range(m):
                total += x[i, k] * weights[k, 0]
            out[i, 0] = total
    elif n * m * q > FEW:
        blas(x, weights, out)
    else:
        out[:] = 0
        for i in range(n):
            for k in range(m):
                for j in range(q):
                    out[i, j] += x[i, k] * weights[k, j]


@njit(**FAST)
def transposed_product(x, delta, out):
    """Write ``x.T @ delta`` into ``out``."""
    (n, m), q = x.shape, delta.shape[1]
    if q == 1:
        out[:] = 0
        for i in range(n):
            for k in range(m):
                out[k, 0] += x[i, k] * delta[i, 0]
    elif n * m * q > FEW:
        blas(x.T, delta, out)
    else:
        out[:] = 0
        for i in range(n):
            for k in range(m):
                for j in range(q):
                    out[k, j] += x[i, k] * delta[i, j]


@njit(**FAST)
def product_with_transposed(delta, weights, out):
    """Write ``delta @ weights.T`` into ``out``."""
    (n, q), m = delta.shape, weights.shape[0]
    if q == 1:
        for i in range(n):
            for k in range(m):
                out[i, k] = delta[i, 0] * weights[k, 0]
    elif n * m * q > FEW:
        blas(delta, weights.T, out)
    else:
        for i in range(n):
            for k in range(m):
                total = delta.dtype.type(0)
                for j in range(q):
                    total += delta[i, j] * weights[k, j]
                out[i, k] = total
