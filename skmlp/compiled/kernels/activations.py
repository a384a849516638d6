"""Activations: h = f(z) in place of z + b, and beside it f'(z); see `skmlp.network.activations`."""

import math

from numba import njit

from skmlp.compiled.codes import (
    ELU_,
    GELU_,
    IDENTITY,
    LEAKY_RELU,
    LOGISTIC,
    MISH,
    RELU,
    SILU,
    SOFTPLUS,
    TANH,
)
from skmlp.compiled.kernels.exponential import exp, expm1, log1p, tanh
from skmlp.compiled.kernels.options import FAST, ONCE

# All take flat arrays: the sums z are overwritten by h, and `slope` by f'(z).


@njit(**ONCE)
def identity(z, slope):
    slope[:] = 1


@njit(**ONCE)
def logistic(z, slope):
    one = z.dtype.type(1)
    for i in range(z.size):
        h = one / (one + exp(-z[i]))
        z[i] = h
        slope[i] = h * (one - h)


@njit(**ONCE)
def tanh_(z, slope):
    one = z.dtype.type(1)
    for i in range(z.size):
        h = tanh(z[i])
        z[i] = h
        slope[i] = one - h * h


@njit(**ONCE)
def relu(z, slope):
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(z.size):
        slope[i] = one if z[i] > zero else zero
        z[i] = z[i] * slope[i]  # not a number stays what it is


@njit(**ONCE)
def leaky_relu(z, slope, below):
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(z.size):
        slope[i] = one if z[i] > zero else below
        z[i] = z[i] * slope[i]


@njit(**ONCE)
def elu(z, slope, alpha, scale):
    zero = z.dtype.type(0)
    for i in range(z.size):
        above = z[i] if z[i] > zero else zero
        below = zero if z[i] > zero else z[i]
        negative = scale * alpha * expm1(below)  # h where it is negative, else 0
        slope[i] = scale if z[i] > zero else negative + scale * alpha
        z[i] = scale * above + negative


@njit(**ONCE)
def gelu(z, slope):
    half, root = z.dtype.type(0.5), z.dtype.type(math.sqrt(0.5))
    factor = z.dtype.type(1 / math.sqrt(2 * math.pi))
    for i in range(z.size):
        slope[i] = half * math.erfc(-z[i] * root)  # Phi(z)
    for i in range(z.size):
        probability = slope[i]
        slope[i] = probability + z[i] * factor * exp(-half * z[i] * z[i])
        z[i] = z[i] * probability


@njit(**ONCE)
def silu(z, slope):
    one = z.dtype.type(1)
    for i in range(z.size):
        s = one / (one + exp(-z[i]))
        h = z[i] * s
        slope[i] = s + h * (one - s)
        z[i] = h


@njit(**ONCE)
def mish(z, slope):
    one, two, four, thirty = z.dtype.type(1), z.dtype.type(2), z.dtype.type(4), z.dtype.type(30)
    for i in range(z.size):
        e = exp(
            thirty if z[i] > thirty else z[i]
        )  # beyond, n / d is 1 to rounding, and n would soon overflow
        n = e * (e + two)
        h = z[i] * n / (n + two)
        slope[i] = (n + four * h * (one + e) / (two + e)) / (n + two)
        z[i] = h


@njit(**ONCE)
def softplus(z, slope):
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(z.size):
        e = exp(-abs(z[i]))
        slope[i] = (one if z[i] > zero else e) / (one + e)
        z[i] = (zero if z[i] < zero else z[i]) + log1p(e)


@njit(**FAST)
def add_biases(z, biases):
    """Add the ``biases`` (q,) to each row of ``z`` (n, q)."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] += biases[j]


@njit(**FAST)
def activate(code, parameters, z, slope):
    """Overwrite ``z`` by h, and ``slope`` by f'(z)."""
    if code == IDENTITY:
        identity(z, slope)
    elif code == LOGISTIC:
        logistic(z, slope)
    elif code == TANH:
        tanh_(z, slope)
    elif code == RELU:
        relu(z, slope)
    elif code == LEAKY_RELU:
        leaky_relu(z, slope, parameters[0])
    elif code == ELU_:
        elu(z, slope, parameters[0], parameters[1])
    elif code == GELU_:
        gelu(z, slope)
    elif code == SILU:
        silu(z, slope)
    elif code == MISH:
        mish(z, slope)
    elif code == SOFTPLUS:
        softplus(z, slope)


@njit(**FAST)
def drop(z, slope, coins, threshold, scale):
    """Multiply h and f'(z) by r / (1 - rate), r = 0 at random; see `skmlp.network.layers.Dropout`."""
    zero = z.dtype.type(0)
    for i in range(z.size):
        mask = scale if coins[i] >= threshold else zero
        z[i] *= mask
        slope[i] *= mask


@njit(**FAST)
def multiply(delta, slope):
    """Turn dE/dh into dE/dz."""
    for i in range(delta.size):
        delta[i] *= slope[i]
