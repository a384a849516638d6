"""Losses on raw scores, value and gradient side by side; see `skmlp.network.losses`.

Each writes d loss / dz into ``delta``, and the loss of each row, summed over the outputs, into ``values``.
"""

import math

import numpy as np
from numba import njit

from skmlp.compiled.codes import (
    ABSOLUTE_ERROR,
    BINARY_FOCAL,
    BINARY_LOG_LOSS,
    FOCAL,
    GAMMA,
    HUBER,
    LOG_LOSS,
    POISSON,
    QUANTILE,
    SQUARED_ERROR,
)
from skmlp.compiled.kernels.exponential import exp, log1p
from skmlp.compiled.kernels.options import FAST, ONCE


@njit(**ONCE)
def squared_error(z, y, delta, values):
    half = z.dtype.type(0.5)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            error = z[i, j] - y[i, j]
            delta[i, j] = error
            values[i] += half * error * error


@njit(**ONCE)
def poisson(z, y, delta, values):
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            mu, target = exp(z[i, j]), y[i, j]
            delta[i, j] = mu - target
            values[i] += xlogx(target) - target * z[i, j] + (mu - target)


@njit(**FAST)
def xlogx(x):
    return x * math.log(x) if x > 0 else x * 0


@njit(**ONCE)
def absolute_error(z, y, delta, values):
    one = z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            error = z[i, j] - y[i, j]
            delta[i, j] = one if error > 0 else (-one if error < 0 else error)
            values[i] += abs(error)


@njit(**ONCE)
def huber(z, y, delta, values, limit):
    half = z.dtype.type(0.5)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            error = z[i, j] - y[i, j]
            clipped = limit if error > limit else (-limit if error < -limit else error)
            delta[i, j] = clipped
            values[i] += clipped * (error - half * clipped)


@njit(**ONCE)
def quantile(z, y, delta, values, q):
    rest = z.dtype.type(1) - q
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            error = z[i, j] - y[i, j]
            slope = rest if error > 0 else (-q if error < 0 else error)
            delta[i, j] = slope
            values[i] += slope * error


@njit(**ONCE)
def gamma(z, y, delta, values):
    one = z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            ratio = y[i, j] * exp(-z[i, j])
            delta[i, j] = one - ratio
            values[i] += z[i, j] - math.log(y[i, j]) + ratio - one


@njit(**ONCE)
def binary_log_loss(z, y, delta, values, label_smoothing):
    zero, one, half = z.dtype.type(0), z.dtype.type(1), z.dtype.type(0.5)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            score, e = z[i, j], exp(-abs(z[i, j]))
            target = y[i, j] + label_smoothing * (half - y[i, j])
            delta[i, j] = (e if score < zero else one) / (one + e) - target
            values[i] += (zero if score < zero else score) + log1p(e) - target * score


@njit(**FAST)
def log_softmax(z, p, group_sizes):
    """Overwrite raw scores ``z`` by the logarithm of their softmax, and write the softmax into ``p``."""
    for i in range(z.shape[0]):
        start = 0
        for size in group_sizes:
            largest = z[i, start]
            for j in range(start + 1, start + size):
                largest = z[i, j] if z[i, j] > largest else largest
            for j in range(start, start + size):
                z[i, j] -= largest
            start += size
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            p[i, j] = exp(z[i, j])
    for i in range(z.shape[0]):
        start = 0
        for size in group_sizes:
            total = z.dtype.type(0)
            for j in range(start, start + size):
                total += p[i, j]
            inverse, log_total = z.dtype.type(1) / total, math.log(total)
            for j in range(start, start + size):
                p[i, j] *= inverse
                z[i, j] -= log_total
            start += size


@njit(**ONCE)
def log_loss(z, y, delta, values, group_sizes, label_smoothing):
    log_softmax(z, delta, group_sizes)
    for i in range(z.shape[0]):
        start = 0
        for size in group_sizes:
            share = z.dtype.type(1 / size)
            for j in range(start, start + size):
                target = y[i, j] + label_smoothing * (share - y[i, j])
                delta[i, j] -= target
                values[i] -= target * z[i, j]
            start += size


@njit(**ONCE)
def binary_focal(z, y, delta, values, power):
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            score, e, target = z[i, j], exp(-abs(z[i, j])), y[i, j]
            more, less = one / (one + e), e / (one + e)
            p, q = (less, more) if score < zero else (more, less)
            log_more = -log1p(e)
            log_less = log_more - abs(score)
            log_p, log_q = (log_less, log_more) if score < zero else (log_more, log_less)
            q_power, p_power = exp(power * log_q), exp(power * log_p)
            yes, no = q_power * (q - power * p * log_p), p_power * (p - power * q * log_q)
            delta[i, j] = (one - target) * no - target * yes
            values[i] -= target * q_power * log_p + (one - target) * p_power * log_q


@njit(**ONCE)
def focal(z, y, delta, values, group_sizes, power):
    log_softmax(z, delta, group_sizes)
    one, tiny = z.dtype.type(1), np.finfo(z.dtype).tiny
    for i in range(z.shape[0]):
        start = 0
        for size in group_sizes:
            total = z.dtype.type(0)
            for j in range(start, start + size):
                log_p = z[i, j]
                q = -math.expm1(log_p)
                q = tiny if q < tiny else q
                q_power = exp(power * math.log(q))
                values[i] -= y[i, j] * q_power * log_p
                z[i, j] = y[i, j] * q_power * (power * delta[i, j] * log_p / q - one)  # d loss / d log p
                total += z[i, j]
            for j in range(start, start + size):
                delta[i, j] = z[i, j] - delta[i, j] * total  # d log p_q / dz_j = [q = j] - p_j
            start += size


@njit(**FAST)
def loss_and_gradient(code, parameter, group_sizes, z, y, delta, values):
    """Write d loss / dz into ``delta`` and the loss of each row into ``values``; ``z`` is overwritten."""
    values[:] = 0
    if code == SQUARED_ERROR:
        squared_error(z, y, delta, values)
    elif code == POISSON:
        poisson(z, y, delta, values)
    elif code == ABSOLUTE_ERROR:
        absolute_error(z, y, delta, values)
    elif code == HUBER:
        huber(z, y, delta, values, parameter)
    elif code == QUANTILE:
        quantile(z, y, delta, values, parameter)
    elif code == GAMMA:
        gamma(z, y, delta, values)
    elif code == BINARY_LOG_LOSS:
        binary_log_loss(z, y, delta, values, parameter)
    elif code == LOG_LOSS:
        log_loss(z, y, delta, values, group_sizes, parameter)
    elif code == BINARY_FOCAL:
        binary_focal(z, y, delta, values, parameter)
    elif code == FOCAL:
        focal(z, y, delta, values, group_sizes, parameter)
