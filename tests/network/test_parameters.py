from dataclasses import replace
from math import prod

import numpy as np
import pytest

from skmlp.network.parameters import CACHE_BLOCK, Layout, ParameterSpec, cache_blocks


def dense(n_inputs, n_units):
    return [
        ParameterSpec("weights", (n_inputs, n_units), "coefs_", penalized=True),
        ParameterSpec("biases", (n_units,), "intercepts_"),
    ]


SPECS = [
    dense(5, 7),
    [],
    [ParameterSpec("gain", (2,), "gains_")],
    dense(7, 3),
]
LAYOUT = Layout(SPECS)
N_PENALISED, N_PARAMETERS = 35 + 21, 35 + 21 + 7 + 2 + 3
EVERY_K = pytest.mark.parametrize("n_networks", [1, 2])


def numbered(n_networks, n_columns=N_PARAMETERS):
    """Return a buffer (K, P) in which every element is different."""
    return np.arange(float(n_networks * n_columns)).reshape(n_networks, n_columns)


def test_sizes_are_those_of_the_specs():
    assert LAYOUT.n_penalized == N_PENALISED
    assert LAYOUT.n_parameters == N_PARAMETERS


@EVERY_K
def test_views_have_the_shapes_of_the_specs(n_networks):
    layers = LAYOUT.view(numbered(n_networks)).layers
    shapes = [[view.shape for view in layer] for layer in layers]
    expected = [[(5, 7), (1, 7)], [], [(1, 2)], [(7, 3), (1, 3)]]
    assert shapes == [[(n_networks, *shape) for shape in layer] for layer in expected]


@EVERY_K
def test_constants_are_not_stored(n_networks):
    weights, biases = dense(5, 7)
    layout = Layout([[weights, replace(biases, constant=0.0)], dense(7, 3)])
    assert layout.specs[0][1].constant == 0
    assert layout.n_parameters == 5 * 7 + 7 * 3 + 3
    layers = layout.view(numbered(n_networks, layout.n_parameters)).layers
    shapes = [[view.shape[1:] for view in layer] for layer in layers]
    assert shapes == [[(5, 7)], [(7, 3), (1, 3)]]


@pytest.mark.parametrize(
    ("shape", "in_layer"), [((7,), (1, 7)), ((5, 7), (5, 7)), ((1, 7), (1, 7)), ((2, 3, 5), (2, 3, 5))]
)
def test_a_layer_sees_a_vector_as_a_row(shape, in_layer):
    spec = ParameterSpec("table", shape, "tables_")
    assert spec.shape_in_layer == in_layer
    (((view,),)) = Layout([[spec]]).view(numbered(2, prod(shape))).layers
    assert view.shape == (2, *in_layer)


def test_arrays_are_learned_and_stored_but_not_penalized_by_default():
    spec = ParameterSpec("gain", (7,), "gains_")
    assert (spec.penalized, spec.constant, spec.learned) == (False, None, True)


@EVERY_K
def test_all_views_share_memory_with_the_buffer(n_networks):
    flat = numbered(n_networks)
    parameters = LAYOUT.view(flat)
    assert parameters.flat is flat
    for groups in (parameters.layers, parameters.penalized, [parameters.blocks]):
        views = [view for group in groups for view in group if view.size]
        for view in views:
            view[...] = -1
        if groups is parameters.layers:
            np.testing.assert_array_equal(flat, -1)
        assert all(np.shares_memory(flat, view) for view in views)


@EVERY_K
def test_every_column_belongs_to_one_array(n_networks):
    flat = numbered(n_networks)
    views = [view for layer in LAYOUT.view(flat).layers for view in layer]
    columns = np.concatenate([view.reshape(n_networks, -1) for view in views], axis=1)
    np.testing.assert_array_equal(np.sort(columns, axis=1), flat)


@EVERY_K
def test_what_is_penalized_comes_first_in_the_order_of_the_layers(n_networks):
    flat = numbered(n_networks)
    layers = LAYOUT.view(flat).layers
    views = [layers[0][0], layers[3][0], layers[0][1], layers[2][0], layers[3][1]]
    columns = np.concatenate([view.reshape(n_networks, -1) for view in views], axis=1)
    np.testing.assert_array_equal(columns, flat)


@EVERY_K
def test_row_times_column_is_the_squared_norm_of_a_penalized_array(n_networks):
    parameters = LAYOUT.view(numbered(n_networks))
    norms = [(row @ column)[:, 0, 0] for row, column in parameters.penalized]
    arrays = [parameters.layers[0][0], parameters.layers[3][0]]
    np.testing.assert_allclose(norms, [(array**2).sum(axis=(1, 2)) for array in arrays])


def test_without_parameters_penalized_there_is_no_penalized_view():
    layout = Layout([[ParameterSpec("gain", (2,), "gains_")]])
    parameters = layout.view(np.zeros((3, 2)))
    assert parameters.penalized == []
    assert [block.shape for block in parameters.blocks] == [(3, 2)]


@pytest.mark.parametrize("n_columns", [1, 7, CACHE_BLOCK // 3, CACHE_BLOCK, 2 * CACHE_BLOCK + 5])
@pytest.mark.parametrize("n_networks", [1, 3, 10])
def test_blocks_are_contiguous_fit_the_cache_and_cover_everything_once(n_networks, n_columns):
    flat = np.zeros((n_networks, n_columns))
    blocks = [flat[block] for block in cache_blocks(n_networks, n_columns)]
    for block in blocks:
        block += 1
        assert block.flags.c_contiguous
        assert block.size <= blocks[0].size <= CACHE_BLOCK
    np.testing.assert_array_equal(flat, 1)


def test_blocks_are_as_few_as_fit_the_cache():
    assert len(cache_blocks(10, CACHE_BLOCK // 10)) == 1
    rows = [len(range(10)[rows]) for rows, _ in cache_blocks(10, CACHE_BLOCK // 4)]
    assert rows == [4, 4, 2]


def test_parameters_are_cut_into_blocks():
    layout = Layout([dense(5, 11003)])
    flat = numbered(3, layout.n_parameters)
    expected = [flat[block] for block in cache_blocks(*flat.shape)]
    assert len(expected) > 3
    for block, same in zip(layout.view(flat).blocks, expected, strict=True):
        np.testing.assert_array_equal(block, same)
