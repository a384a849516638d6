"""Every activation and its derivative, as the engine computes them."""

import matplotlib.pyplot as plt
import numpy as np

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.layers import Nonlinearity

plt.style.use("skmlp.mplstyle")
z = np.linspace(-4, 4, 401)
figure, axes = plt.subplots(3, 4, figsize=(8, 5.6), sharex=True, sharey=True)
for axis, (name, activation) in zip(axes.flat, ACTIVATIONS.items(), strict=False):
    h, slope = z.copy(), np.ones_like(z)
    memo = np.empty(Nonlinearity(activation).memo_shape(z.shape))
    activation.forward(h, memo)
    activation.backward(h, slope, memo)
    lines = axis.plot(z, h) + axis.plot(z, slope)
    axis.set_title(name)
axes[0, 0].set(xlim=(-4, 4), ylim=(-2, 2.5), xticks=[-3, 0, 3], yticks=[-1, 0, 1, 2])
axes[-1, -1].set_axis_off()
axes[-1, -1].legend(lines, ["f(z)", "derivative, f'(z)"], loc="center")
figure.supxlabel("z", fontsize=10)
