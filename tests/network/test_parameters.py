import numpy as np
import pytest

from skmlp.network.parameters import CACHE_BLOCK, Layout, ParameterSpec, cache_blocks

SPECS = [
    [ParameterSpec((5, 7), penalised=True), ParameterSpec((1, 7), penalised=False)],
    [],
    [ParameterSpec((2,), penalised=False)],
    [ParameterSpec((7, 3), penalised=True), ParameterSpec((1, 3), penalised=False)],
]
LAYOUT = Layout(SPECS)
N_PENALISED, N_PARAMETERS = 35 + 21, 35 + 21 + 7 + 2 + 3
EVERY_K = pytest.mark.parametrize("n_networks", [1, 2])


def numbered(n_networks, n_columns=N_PARAMETERS):
    """Return a buffer (K, P) in which every element is different."""
    return np.arange(float(n_networks * n_columns)).reshape(n_networks, n_columns)


def test_sizes_are_those_of_the_specs():
    assert LAYOUT.n_penalised == N_PENALISED
    assert LAYOUT.n_parameters == N_PARAMETERS


@EVERY_K
def test_views_have_the_shapes_of_the_specs(n_networks):
    layers = LAYOUT.view(numbered(n_networks)).layers
    shapes = [[view.shape for view in layer] for layer in layers]
    assert shapes == [[(n_networks, *spec.shape) for spec in layer] for layer in SPECS]


@EVERY_K
def test_all_views_share_memory_with_the_buffer(n_networks):
    flat = numbered(n_networks)
    parameters = LAYOUT.view(flat)
    assert parameters.flat is flat
    for groups in (parameters.layers, parameters.penalised, parameters.blocks):
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
def test_what_is_penalised_comes_first_in_the_order_of_the_layers(n_networks):
    flat = numbered(n_networks)
    layers = LAYOUT.view(flat).layers
    views = [layers[0][0], layers[3][0], layers[0][1], layers[2][0], layers[3][1]]
    columns = np.concatenate([view.reshape(n_networks, -1) for view in views], axis=1)
    np.testing.assert_array_equal(columns, flat)


@EVERY_K
def test_row_times_column_is_the_squared_norm_of_a_penalised_array(n_networks):
    parameters = LAYOUT.view(numbered(n_networks))
    norms = [(row @ column)[:, 0, 0] for row, column in parameters.penalised]
    arrays = [parameters.layers[0][0], parameters.layers[3][0]]
    np.testing.assert_allclose(norms, [(array**2).sum(axis=(1, 2)) for array in arrays])


def test_without_parameters_penalised_there_is_no_penalised_view():
    layout = Layout([[ParameterSpec((2,), penalised=False)]])
    parameters = layout.view(np.zeros((3, 2)))
    assert parameters.penalised == []
    assert [penalised.shape for _, penalised in parameters.blocks] == [(3, 0)]


@pytest.mark.parametrize("n_networks", [1, 3, CACHE_BLOCK, CACHE_BLOCK + 1])
def test_blocks_cover_every_column_once_and_fit_the_cache(n_networks):
    n_columns = 2 * CACHE_BLOCK // n_networks + 5
    flat = numbered(n_networks, n_columns)
    blocks = [block for (block,) in cache_blocks(flat)]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), flat)
    assert len(blocks) > 1
    assert all(np.shares_memory(flat, block) for block in blocks)
    assert all(block.size <= max(CACHE_BLOCK, n_networks) for block in blocks)


def test_arrays_are_cut_alike():
    a, b = numbered(3, 2 * CACHE_BLOCK), -numbered(3, 2 * CACHE_BLOCK)
    for block_a, block_b in cache_blocks(a, b):
        np.testing.assert_array_equal(block_a, -block_b)


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("n_units", [2, 11003])  # the end of the weights in the first, or in a later block
def test_penalised_part_of_the_blocks_is_the_penalised_part_of_the_buffer(n_networks, n_units):
    specs = [ParameterSpec((5, n_units), penalised=True), ParameterSpec((1, n_units), penalised=False)]
    layout = Layout([specs])
    flat = numbered(n_networks, layout.n_parameters)
    blocks = layout.view(flat).blocks
    whole, penalised = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    np.testing.assert_array_equal(whole, flat)
    np.testing.assert_array_equal(penalised, flat[:, : 5 * n_units])
