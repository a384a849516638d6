"""The epoch of the stochastic solver, compiled by numba where that is installed.

The numpy engine says what is computed. What is here computes the same, to rounding, in fewer passes over
memory. `skmlp.compiled.door` says what is compiled, and is the only way in.
"""
