"""What numba compiles: the formulas of `skmlp.network` and `skmlp.training` as loops, under the same names.

Only `skmlp.compiled.loading` imports these modules, as only they need numba. None depends on an
architecture: widths and offsets are arrays, and choices are the numbers of `skmlp.compiled.codes`. So one
compilation serves all networks.
"""
