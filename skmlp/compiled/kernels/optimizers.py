"""Optimizers: each turns a gradient into a step; `skmlp.training.optimizers` gives the constants.

All take flat arrays, those of one network, or a part of them.
"""

import math

from numba import njit

from skmlp.compiled.codes import ADAM, NADAM, NESTEROV, RMSPROP, SGD_
from skmlp.compiled.kernels.options import FAST, ONCE
from skmlp.compiled.kernels.views import view

BLOCK = 2048
"""Parameters that are penalized and moved at a time: what both passes read stays in the cache."""


@njit(**ONCE)
def sgd(theta, gradient, velocity, rate, momentum):
    for i in range(theta.size):
        v = momentum * velocity[i] - rate * gradient[i]
        velocity[i] = v
        theta[i] += v


@njit(**ONCE)
def nesterov(theta, gradient, velocity, rate, momentum):
    for i in range(theta.size):
        step = rate * gradient[i]
        v = momentum * velocity[i] - step
        velocity[i] = v
        theta[i] += momentum * v - step


@njit(**ONCE)
def adam(theta, gradient, m, v, step, epsilon, beta_1, beta_2):
    for i in range(theta.size):
        g = gradient[i]
        m[i] = beta_1 * m[i] + g
        v[i] = beta_2 * v[i] + g * g
        theta[i] -= step * (m[i] / (math.sqrt(v[i]) + epsilon))


@njit(**ONCE)
def nadam(theta, gradient, m, v, along, ahead, epsilon, beta_1, beta_2):
    for i in range(theta.size):
        g = gradient[i]
        m[i] = beta_1 * m[i] + g
        v[i] = beta_2 * v[i] + g * g
        theta[i] -= (ahead * g + along * m[i]) / (math.sqrt(v[i]) + epsilon)


@njit(**ONCE)
def rmsprop(theta, gradient, v, rate, epsilon, rho, rest):
    for i in range(theta.size):
        g = gradient[i]
        v[i] = rho * v[i] + rest * (g * g)
        theta[i] -= rate * (g / (math.sqrt(v[i]) + epsilon))


@njit(**FAST)
def update(code, theta, gradient, moments, k, start, c):
    """Move ``theta`` and its ``moments`` by one step, with the constants ``c`` of this step.

    The parameters are those of network k from ``start`` on. A row of the moments (n_moments, K, P) lies in
    one piece, which loops need to be vectorized.
    """
    first = view(moments[0, k], start, (theta.size,))
    if code == SGD_:
        sgd(theta, gradient, first, c[0], c[1])
    elif code == NESTEROV:
        nesterov(theta, gradient, first, c[0], c[1])
    elif code == ADAM:
        adam(theta, gradient, first, view(moments[1, k], start, (theta.size,)), c[0], c[1], c[2], c[3])
    elif code == NADAM:
        nadam(
            theta, gradient, first, view(moments[1, k], start, (theta.size,)), c[0], c[1], c[2], c[3], c[4]
        )
    elif code == RMSPROP:
        rmsprop(theta, gradient, first, c[0], c[1], c[2], c[3])


@njit(**FAST)
def penalize_and_divide(theta, gradient, n_penalized, alpha, total):
    """Turn the sum of gradients into dE/d theta; return the squared norm of what is penalized."""
    inverse, squares = gradient.dtype.type(1) / total, gradient.dtype.type(0)
    for i in range(n_penalized):
        squares += theta[i] * theta[i]
        gradient[i] = (gradient[i] + alpha * theta[i]) * inverse
    for i in range(n_penalized, theta.size):
        gradient[i] *= inverse
    return squares


@njit(**FAST)
def clip(gradient, max_norm):
    """Shorten the ``gradient`` to ``max_norm``, if it is longer."""
    squares = 0.0  # in float64: the square of a large gradient of float32 would overflow
    for i in range(gradient.size):
        squares += float(gradient[i]) * float(gradient[i])
    norm = math.sqrt(squares)
    if norm > max_norm:
        factor = gradient.dtype.type(max_norm / norm)
        for i in range(gradient.size):
            gradient[i] *= factor


@njit(**FAST)
def move(theta, gradient, moments, k, start, n_penalized, alpha, total, max_norm, code, constants):
    """Take the step of network k, or of its parameters from ``start`` on; return their squared norm before.

    Only what is penalized counts. Block by block, unless the gradient must be known as a whole to be
    shortened.
    """
    squares, size = 0.0, min(BLOCK, theta.size)
    is_clipped = max_norm < math.inf
    for i in range(0, theta.size, size):
        n = min(size, theta.size - i)
        part, slope, n_in_part = (
            view(theta, i, (n,)),
            view(gradient, i, (n,)),
            min(max(n_penalized - i, 0), n),
        )
        squares += penalize_and_divide(part, slope, n_in_part, alpha, total)
        if not is_clipped:
            step(part, slope, moments, k, start + i, n_in_part, code, constants)
    if is_clipped:
        clip(gradient, max_norm)
        step(theta, gradient, moments, k, start, n_penalized, code, constants)
    return squares


def move_part(
    start, stop, theta, gradient, moments, n_penalized, alpha, total, max_norm, code, constants, out
):
    """Take a step with some of the parameters of all networks: from ``start`` to before ``stop``.

    Parameters
    ----------
    theta, gradient : arrays of shape (K, P)
        The gradient is the sum of those of the samples, and overwritten.
    moments : array of shape (n_moments, K, P)
    alpha, total, max_norm : arrays of shape (K,)
    code : int
    constants : array of shape (K, n_constants + 1)
        Those of the optimizer in this step, and the decay.
    out : array of shape (K,)
        Receives the squared norms of what is penalized.
    """
    n_in_part = min(max(n_penalized - start, 0), stop - start)
    for k in range(theta.shape[0]):
        out[k] = move(
            view(theta[k], start, (stop - start,)),
            view(gradient[k], start, (stop - start,)),
            moments,
            k,
            start,
            n_in_part,
            alpha[k],
            total[k],
            max_norm[k],
            code,
            constants[k],
        )


@njit(**ONCE)
def step(theta, gradient, moments, k, start, n_penalized, code, constants):
    """Shrink the weights by the last of the ``constants``, the decay, and move all parameters."""
    decay = constants[-1]
    if decay != 1:
        for i in range(n_penalized):
            theta[i] *= decay
    update(code, theta, gradient, moments, k, start, constants)
