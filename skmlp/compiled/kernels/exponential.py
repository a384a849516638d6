"""The exponential and what follows from it, in operations that LLVM vectorizes.

numba's own functions call the C library for one number after the other. Here, x = k log 2 + r with an
integer k and ``|r| <= log(2) / 2``; exp(r) is its Taylor polynomial, and 2^k is written into the exponent
of a number [Cody & Waite 1980, chapter 6]. log 2 is split in two, so that k times the first part is exact.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

from skmlp.compiled.kernels.options import EXACT

HIGHEST, LOWEST, MAGIC = 709.8, -707.0, 1.5 * 2.0**52
LOG2_E, LOG_2_HIGH, LOG_2_LOW = math.log2(math.e), 6.93145751953125e-1, 1.42860682030941723212e-6

ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)
HIGHEST_32, LOWEST_32, MAGIC_32 = np.float32(88.8), np.float32(-86.0), np.float32(1.5 * 2.0**23)
LOG2_E_32, LOG_2_HIGH_32, LOG_2_LOW_32 = (np.float32(c) for c in (LOG2_E, 0.693359375, -2.12194440e-4))
C2, C3, C4, C5, C6, C7 = (np.float32(1 / math.factorial(i)) for i in range(2, 8))
O3, O5, O7, O9, O11, O13, O15 = (np.float32(1 / i) for i in range(3, 17, 2))
ZERO, LARGEST_TANH = np.float32(0), np.float32(10)


@njit(**EXACT)
def parts_64(x):
    """Return q and s with exp(x) = 2 s (1 + q), for x from `LOWEST` to `HIGHEST`."""
    shifted = x * LOG2_E + MAGIC  # its last bits are k
    k = shifted - MAGIC
    r = (x - k * LOG_2_HIGH) - k * LOG_2_LOW
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 1 / 2
    s = np.int64((np.float64(shifted).view(np.int64) << 52) + (1022 << 52)).view(np.float64)
    return p * (r * r) + r, s


@njit(**EXACT)
def parts_32(x):
    """Return q and s with exp(x) = 2 s (1 + q), for x from `LOWEST_32` to `HIGHEST_32`."""
    shifted = x * LOG2_E_32 + MAGIC_32
    k = shifted - MAGIC_32
    r = (x - k * LOG_2_HIGH_32) - k * LOG_2_LOW_32
    p = C7 * r + C6
    p = p * r + C5
    p = p * r + C4
    p = p * r + C3
    p = p * r + C2
    s = np.int32((np.float32(shifted).view(np.int32) << 23) + (126 << 23)).view(np.float32)
    return p * (r * r) + r, s


@njit(**EXACT)
def exp_64(x):
    y = x if x < HIGHEST else HIGHEST
    y = y if y > LOWEST else LOWEST
    q, s = parts_64(y)
    e = 2 * (s + s * q)  # infinite where exp(x) is
    e = 0.0 if x < LOWEST else e
    return e if x == x else x


@njit(**EXACT)
def exp_32(x):
    y = x if x < HIGHEST_32 else HIGHEST_32
    y = y if y > LOWEST_32 else LOWEST_32
    q, s = parts_32(y)
    e = TWO * (s + s * q)
    e = ZERO if x < LOWEST_32 else e
    return e if x == x else x


@njit(**EXACT)
def expm1_64(x):
    y = x if x < HIGHEST else HIGHEST
    y = y if y > LOWEST else LOWEST
    q, s = parts_64(y)
    e = 2 * (s * q + (s - 0.5))
    return e if x == x else x


@njit(**EXACT)
def expm1_32(x):
    y = x if x < HIGHEST_32 else HIGHEST_32
    y = y if y > LOWEST_32 else LOWEST_32
    q, s = parts_32(y)
    e = TWO * (s * q + (s - HALF))
    return e if x == x else x


@njit(**EXACT)
def tanh_64(x):
    """Return e / (e + 2) with e = exp(2 |x|) - 1, and the sign of x."""
    size = abs(x)
    q, s = parts_64(2 * (size if size < 20.0 else 20.0))  # beyond, tanh is 1 to rounding
    e = 2 * (s * q + (s - 0.5))
    t = e / (e + 2)
    t = t if x >= 0 else -t
    return t if x == x else x


@njit(**EXACT)
def tanh_32(x):
    """Return e / (e + 2) with e = exp(2 |x|) - 1, and the sign of x."""
    size = abs(x)
    q, s = parts_32(TWO * (size if size < LARGEST_TANH else LARGEST_TANH))
    e = TWO * (s * q + (s - HALF))
    t = e / (e + TWO)
    t = t if x >= ZERO else -t
    return t if x == x else x


@njit(**EXACT)
def log1p_64(e):
    """Return 2 artanh(t) with t = e / (2 + e), by its Taylor polynomial."""
    t = e / (2 + e)
    u, p = t * t, 1 / 33
    for i in range(15, -1, -1):
        p = p * u + 1 / (2 * i + 1)
    return 2 * t * p


@njit(**EXACT)
def log1p_32(e):
    """Return 2 artanh(t) with t = e / (2 + e), by its Taylor polynomial."""
    t = e / (TWO + e)
    u, p = t * t, O15
    p = p * u + O13
    p = p * u + O11
    p = p * u + O9
    p = p * u + O7
    p = p * u + O5
    p = p * u + O3
    return TWO * t * (p * u + ONE)


def exp(x):
    """Return exp(x); 0 where that would be below 1e-307 (1e-37)."""


def expm1(x):
    """Return exp(x) - 1."""


def tanh(x):
    """Return the hyperbolic tangent."""


def log1p(e):
    """Return log(1 + e) for e from 0 to 1."""


@overload(exp, jit_options=EXACT)
def _exp(x):
    return (exp_32 if x == types.float32 else exp_64).py_func


@overload(expm1, jit_options=EXACT)
def _expm1(x):
    return (expm1_32 if x == types.float32 else expm1_64).py_func


@overload(tanh, jit_options=EXACT)
def _tanh(x):
    return (tanh_32 if x == types.float32 else tanh_64).py_func


@overload(log1p, jit_options=EXACT)
def _log1p(e):
    return (log1p_32 if e == types.float32 else log1p_64).py_func
