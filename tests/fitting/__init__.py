"""Tests of skmlp.fitting. A package, so that files may be named as those of other folders are."""
