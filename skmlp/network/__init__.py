"""What is computed: activations, layers, losses, initial weights, the objective and its gradient.

Every array has a leading axis of K networks. Notation: n samples in the block, m inputs,
q outputs, P parameters; ``z`` before and ``h`` after an activation, ``delta`` = dE/dz.
"""
