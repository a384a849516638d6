"""Steps of gradient descent: what `skmlp.training.stack.Stack.epoch` does, one network after the other."""

import numpy as np
from numba import njit

from skmlp.compiled.kernels.activations import activate, add_biases, drop, multiply
from skmlp.compiled.kernels.losses import loss_and_gradient
from skmlp.compiled.kernels.optimizers import move
from skmlp.compiled.kernels.options import FAST
from skmlp.compiled.kernels.products import product, product_with_transposed, transposed_product
from skmlp.compiled.kernels.views import view


@njit(**FAST)
def gather(X, strides, index, x):
    """Write the rows of X at ``index`` into ``x``; X lies flat in its memory, by rows or by columns."""
    along_rows, along_columns = strides
    for i in range(x.shape[0]):
        first = index[i] * along_rows
        if along_columns == 1:
            for j in range(x.shape[1]):
                x[i, j] = X[first + j]
        else:
            for j in range(x.shape[1]):
                x[i, j] = X[first + j * along_columns]


@njit(**FAST)
def expand(codes, group_sizes, index, y):
    """Write class indicators into ``y``; see `skmlp.network.codes.expand`."""
    y[:] = 0
    for i in range(index.size):
        start = 0
        for group in range(group_sizes.size):
            y[i, start + codes[index[i], group]] = 1
            start += group_sizes[group]


@njit(**FAST)
def weigh(delta, values, weights):
    """Multiply the gradient and the loss of each row by its weight."""
    for i in range(weights.size):
        values[i] *= weights[i]
        for j in range(delta.shape[1]):
            delta[i, j] *= weights[i]


@njit(**FAST)
def sum_of_rows(delta, out):
    """Write the gradient of the biases: the sum of ``delta`` over its rows."""
    out[:] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            out[j] += delta[i, j]


@njit(**FAST)
def forward(theta, x, h, slopes, net, coins, thresholds, scales):
    """Write what each layer computes into ``h`` and the slopes of its activation into ``slopes``.

    Return how many ``coins`` dropout has used.
    """
    widths, weights_at, biases_at, h_at, activations, parameters = net
    n, n_layers, tossed = x.shape[0], widths.size - 1, 0
    before = x
    for i in range(n_layers):
        m, q = widths[i], widths[i + 1]
        z = view(h, n * h_at[i], (n, q))
        product(before, view(theta, weights_at[i], (m, q)), z)
        add_biases(z, view(theta, biases_at[i], (q,)))
        if i < n_layers - 1:
            flat, slope = view(h, n * h_at[i], (n * q,)), view(slopes, n * h_at[i], (n * q,))
            activate(activations[i], parameters[i], flat, slope)
            if thresholds[i] >= 0:
                drop(flat, slope, coins[tossed:], thresholds[i], scales[i])
                tossed += (n * q + 3) // 4 * 4  # whole words of 64 bits
        before = z
    return tossed


@njit(**FAST)
def backward(theta, x, h, slopes, deltas, gradient, net):
    """Write W dE/d theta into ``gradient``; dE/d raw scores stands at the end of ``deltas``.

    From the last layer to the first [Bishop 2006, section 5.3.1].
    """
    widths, weights_at, biases_at, h_at = net[0], net[1], net[2], net[3]
    n = x.shape[0]
    for i in range(widths.size - 2, -1, -1):
        m, q = widths[i], widths[i + 1]
        delta = view(deltas, n * h_at[i], (n, q))
        before = view(h, n * h_at[i - 1], (n, m)) if i > 0 else x
        transposed_product(before, delta, view(gradient, weights_at[i], (m, q)))
        sum_of_rows(delta, view(gradient, biases_at[i], (q,)))
        if i > 0:
            start = n * h_at[i - 1]
            product_with_transposed(delta, view(theta, weights_at[i], (m, q)), view(deltas, start, (n, m)))
            multiply(view(deltas, start, (n * m,)), view(slopes, start, (n * m,)))


@njit(**FAST)
def sum_in_double(values):
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


def train(networks, steps, samples, batches, net, dropout, loss, optimizer, theta, moments, room, out):
    """Take some steps of some networks: overwrite ``theta`` and ``moments``, and write E into ``out``.

    Parameters
    ----------
    networks, steps : pairs of int
        The first, and the one behind the last.
    samples : tuple
        X, flat, and its strides along rows and columns; rows of X (n,) or empty; targets, flat, or empty;
        codes (n, n_targets), and the group sizes that expand them, or empty; weights (n,) or empty.
    batches : tuple
        Order (K, n); number of rows (K,); batch size.
    net : tuple
        Widths; where weights, biases and outputs of each layer begin; activations and their parameters.
    dropout : tuple
        Random numbers (K, n_coins) of uint16; thresholds (K, n_hidden), -1 where no unit is left out;
        scales.
    loss : tuple
        Code; parameter of each network (K,); group sizes of a softmax; what the reported loss is divided
        by.
    optimizer : tuple
        Code; constants and decay (K, n, n_constants + 1), and which of these n belongs to the first step;
        alpha (K,); max_norm (K,); number of penalized parameters.
    theta, moments : arrays of shape (K, P), (n_moments, K, P)
    room : tuple of flat arrays
        Scratch for a batch: row numbers, x, y, h, slopes, deltas, values, weights; and the gradient.
    out : array of shape (n_steps, K)
    """
    X, strides, rows, targets, codes, group_sizes, sample_weight = samples
    order, n_rows, batch_size = batches
    coins, thresholds, scales = dropout
    loss_code, loss_parameters, softmax_sizes, divisor = loss
    optimizer_code, constants, offset, alpha, max_norm, n_penalized = optimizer
    room_rows, room_x, room_y, h, slopes, deltas, room_values, room_weights, gradient = room
    widths, h_at = net[0], net[3]
    n_inputs, n_scores = widths[0], widths[-1]
    # A number as it is would be a type of its own: numba would compile twice what it is handed to.
    zero, one = np.int64(0), np.int64(1)
    for k in range(networks[0], networks[1]):
        tossed = 0
        for step in range(steps[0], steps[1]):
            start = step * batch_size
            n = min(batch_size, n_rows[k] - start)
            index, row = view(order[k], start, (n,)), view(room_rows, 0, (n,))
            x, y = view(room_x, 0, (n, n_inputs)), view(room_y, 0, (n, n_scores))
            for i in range(n):
                row[i] = rows[index[i]] if rows.size else index[i]
            gather(X, strides, row, x)
            if group_sizes.size:
                expand(codes, group_sizes, index, y)
            else:
                gather(targets, (n_scores, one), index, y)
            tossed += forward(theta[k], x, h, slopes, net, coins[k, tossed:], thresholds[k], scales[k])
            scores_at = n * h_at[-2]
            z, delta = view(h, scores_at, (n, n_scores)), view(deltas, scores_at, (n, n_scores))
            values = view(room_values, 0, (n,))
            loss_and_gradient(loss_code, loss_parameters[k], softmax_sizes, z, y, delta, values)
            total = float(n)
            if sample_weight.size:
                weights = view(room_weights, 0, (n,))
                for i in range(n):
                    weights[i] = sample_weight[index[i]]
                weigh(delta, values, weights)
                total = sum_in_double(weights)
                total = total if total != 0 else 1.0
            backward(theta[k], x, h, slopes, deltas, gradient, net)
            squares = move(
                theta[k],
                gradient,
                moments,
                k,
                zero,
                n_penalized,
                alpha[k],
                theta.dtype.type(total),
                max_norm[k],
                optimizer_code,
                constants[k, offset + step - steps[0]],
            )
            out[step - steps[0], k] = (
                sum_in_double(values) / total / divisor + 0.5 * alpha[k] * squares / total
            )
