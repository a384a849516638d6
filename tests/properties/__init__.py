"""What must hold for every estimator and all data, tried on random ones by hypothesis.

The normal run tries a few examples of each property, always the same. Many are behind the marker ``slow``::

    SKMLP_EXAMPLES=20000 python -m pytest -n 0 -m slow tests/properties

tries 20,000 examples of each property; another ``SKMLP_SEED`` tries others. A failure is printed as the
smallest example that was found.
"""
