"""What the compiled engine knows: a number for each activation, loss and optimizer.

The types are exact. A subclass may compute anything, and runs in numpy.
"""

from __future__ import annotations

from skmlp.network.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Softplus,
    Tanh,
)
from skmlp.network.losses import (
    AbsoluteError,
    BinaryFocal,
    BinaryLogLoss,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    Loss,
    Poisson,
    Quantile,
    SquaredError,
)
from skmlp.training.optimizers import SGD, Adam, NAdam, Optimizer, RMSprop

IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, ELU_, GELU_, SILU, MISH, SOFTPLUS = range(10)

ACTIVATION_CODES: dict[type[Activation], int] = {
    Identity: IDENTITY,
    Logistic: LOGISTIC,
    Tanh: TANH,
    ReLU: RELU,
    LeakyReLU: LEAKY_RELU,
    ELU: ELU_,
    SELU: ELU_,
    GELU: GELU_,
    SiLU: SILU,
    Mish: MISH,
    Softplus: SOFTPLUS,
}

SQUARED_ERROR, POISSON, ABSOLUTE_ERROR, HUBER, QUANTILE, GAMMA = range(6)
BINARY_LOG_LOSS, LOG_LOSS, BINARY_FOCAL, FOCAL = range(6, 10)

LOSS_CODES: dict[type[Loss], int] = {
    SquaredError: SQUARED_ERROR,
    Poisson: POISSON,
    AbsoluteError: ABSOLUTE_ERROR,
    Huber: HUBER,
    Quantile: QUANTILE,
    Gamma: GAMMA,
    BinaryLogLoss: BINARY_LOG_LOSS,
    LogLoss: LOG_LOSS,
    BinaryFocal: BINARY_FOCAL,
    Focal: FOCAL,
}

SGD_, NESTEROV, ADAM, NADAM, RMSPROP = range(5)

OPTIMIZER_CODES: dict[type[Optimizer], int] = {SGD: SGD_, Adam: ADAM, NAdam: NADAM, RMSprop: RMSPROP}
