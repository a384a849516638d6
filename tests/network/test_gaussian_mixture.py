"""The predictive distribution: n = 5 rows, M = 1 or 3 components, q = 1 or 2 targets."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, multivariate_normal, norm

from skmlp.network.gaussian_mixture import GaussianMixture

N_ROWS = 5
COMPONENTS = pytest.mark.parametrize("n_components", [1, 3])
TARGETS = pytest.mark.parametrize("n_targets", [1, 2])
MARGINALS = ("cdf", "ppf", "crps")
"""Methods with arguments that work on each target by itself."""


def mixture(n_components=3, n_targets=1, n_rows=N_ROWS, seed=0):
    """Return a mixture of which every number is drawn."""
    rng = np.random.default_rng(seed)
    shape = (n_rows, n_components) if n_targets == 1 else (n_rows, n_components, n_targets)
    weights = rng.dirichlet(np.full(n_components, 2.0), size=n_rows)
    return GaussianMixture(weights, rng.normal(scale=2, size=shape), rng.uniform(0.3, 1.5, size=shape))


def one_row(weights, means, scales):
    return GaussianMixture([weights], [means], [scales])


def points(mixture, seed=1):
    """Return one point for each row, (n,) or (n, q)."""
    return np.random.default_rng(seed).normal(scale=2, size=mixture.mean().shape)


def marginal(mixture, target):
    """Return the distribution of one target by itself."""
    return GaussianMixture(mixture.weights, mixture.means[..., target], mixture.scales[..., target])


def row(mixture, i):
    """Return the distribution of one row by itself."""
    return GaussianMixture(*(a[i : i + 1] for a in (mixture.weights, mixture.means, mixture.scales)))


# One component: the normal distribution of scipy.


@TARGETS
def test_one_component_is_a_normal_distribution(n_targets):
    d = mixture(1, n_targets)
    normal, y = norm(d.means[:, 0], d.scales[:, 0]), points(d)
    p = np.random.default_rng(2).uniform(size=y.shape)
    log_density, density = normal.logpdf(y), normal.pdf(y)
    if n_targets > 1:
        log_density, density = log_density.sum(axis=1), density.prod(axis=1)
    for found, expected in [
        (d.logpdf(y), log_density),
        (d.pdf(y), density),
        (d.cdf(y), normal.cdf(y)),
        (d.ppf(p), normal.ppf(p)),
        (d.mean(), normal.mean()),
        (d.var(), normal.var()),
        (d.std(), normal.std()),
        (d.mode(), normal.mean()),
    ]:
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@TARGETS
def test_crps_of_a_normal_distribution(n_targets):
    """[Gneiting & Raftery 2007, eq. 21]"""
    d = mixture(1, n_targets)
    y, scale = points(d), d.scales[:, 0]
    e = (y - d.means[:, 0]) / scale
    expected = scale * (e * (2 * norm.cdf(e) - 1) + 2 * norm.pdf(e) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(d.crps(y), expected, rtol=1e-12)


# Several components: numerical integration.


GRID = np.linspace(-20, 20, 4001)[:, np.newaxis]


def integral(values, axis=0):
    """Integrate over the grid: for smooth functions that vanish at its ends, the sum is exact."""
    return values.sum(axis=axis) * (GRID[1, 0] - GRID[0, 0])


@COMPONENTS
def test_moments_are_integrals_of_the_density(n_components):
    d = mixture(n_components)
    density = d.pdf(GRID)
    np.testing.assert_allclose(integral(density), 1, rtol=1e-12)
    mean = integral(GRID * density)
    np.testing.assert_allclose(d.mean(), mean, rtol=1e-10)
    np.testing.assert_allclose(d.var(), integral((GRID - mean) ** 2 * density), rtol=1e-10)
    np.testing.assert_allclose(d.std(), np.sqrt(d.var()), rtol=1e-15)
    np.testing.assert_allclose(np.exp(d.logpdf(GRID)), density, rtol=1e-12)


def test_joint_density_of_two_targets():
    d = mixture(3, 2)
    y = points(d)
    expected = [
        sum(w * multivariate_normal(m, np.diag(s**2)).pdf(y[i]) for w, m, s in zip(*of_row, strict=True))
        for i, of_row in enumerate(zip(d.weights, d.means, d.scales, strict=True))
    ]
    np.testing.assert_allclose(d.pdf(y), expected, rtol=1e-12)
    np.testing.assert_allclose(d.logpdf(y), np.log(expected), rtol=1e-12)


def test_integral_of_the_joint_density_over_one_target_is_the_density_of_the_other():
    d = mixture(3, 2)
    for y in (-1.0, 0.7):
        along = np.stack(np.broadcast_arrays(y, GRID), axis=-1)
        np.testing.assert_allclose(integral(d.pdf(along)), marginal(d, 0).pdf(y), rtol=1e-12)


def test_joint_density_is_not_the_product_of_the_marginals():
    """The mixture makes targets depend on one another."""
    d = one_row([0.5, 0.5], [[-2.0, -2.0], [2.0, 2.0]], [[0.5, 0.5], [0.5, 0.5]])
    product = marginal(d, 0).pdf(2.0) * marginal(d, 1).pdf(2.0)
    np.testing.assert_allclose(d.pdf([2.0, 2.0]), 2 * product, rtol=1e-9)


@pytest.mark.parametrize("method", MARGINALS)
def test_each_target_by_itself(method):
    d = mixture(3, 2)
    argument = points(d) if method != "ppf" else np.random.default_rng(2).uniform(size=d.mean().shape)
    found = getattr(d, method)(argument)
    for target in range(2):
        expected = getattr(marginal(d, target), method)(argument[:, target])
        np.testing.assert_allclose(found[:, target], expected, rtol=1e-13)


@pytest.mark.parametrize("method", ["mean", "var", "std"])
def test_each_target_has_moments_of_its_own(method):
    d = mixture(3, 2)
    found = getattr(d, method)()
    for target in range(2):
        np.testing.assert_allclose(found[:, target], getattr(marginal(d, target), method)(), rtol=1e-13)


@COMPONENTS
def test_cdf_is_the_integral_of_the_density(n_components):
    d = mixture(n_components)
    y = points(d)
    expected = [quad(lambda t, i=i: row(d, i).pdf(t).item(), -20, y[i])[0] for i in range(N_ROWS)]
    np.testing.assert_allclose(d.cdf(y), expected, rtol=1e-7)
    np.testing.assert_array_equal(d.cdf(np.array([[-np.inf], [np.inf]])).round(15), [[0] * 5, [1] * 5])


@COMPONENTS
def test_crps_is_the_integral_of_a_square(n_components):
    """(F(t) - [t >= y])^2 over all t."""
    d = mixture(n_components)
    for y in (-9.0, 0.0, 1.3):
        for i in range(N_ROWS):
            alone = row(d, i)
            below = quad(lambda t, d=alone: d.cdf(t).item() ** 2, -30, y)[0]
            above = quad(lambda t, d=alone: (1 - d.cdf(t).item()) ** 2, y, 30)[0]
            assert d.crps(y)[i] == pytest.approx(below + above, rel=1e-6)


@COMPONENTS
@TARGETS
def test_crps_grows_like_the_distance_far_away(n_components, n_targets):
    d = mixture(n_components, n_targets)
    far, farther = (d.crps(np.full(d.mean().shape, y)) for y in (1e3, 1e6))
    np.testing.assert_allclose(farther - far, 1e6 - 1e3, rtol=1e-12)
    assert (d.crps(points(d)) > 0).all()


# Quantiles.


@COMPONENTS
@TARGETS
def test_ppf_is_the_inverse_of_cdf(n_components, n_targets):
    d = mixture(n_components, n_targets)
    p = np.array([1e-300, 1e-12, 1e-3, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999])
    y = d.ppf(p.reshape(-1, *[1] * d.mean().ndim))
    np.testing.assert_allclose(d.cdf(y), np.broadcast_to(p, y.T.shape).T, rtol=1e-9)
    assert (np.diff(y, axis=0) > 0).all()
    np.testing.assert_allclose(d.ppf(d.cdf(points(d))), points(d), rtol=1e-8)


@COMPONENTS
@TARGETS
def test_the_support_has_no_ends(n_components, n_targets):
    d = mixture(n_components, n_targets)
    shape = d.mean().shape
    np.testing.assert_array_equal(d.ppf(0), np.full(shape, -np.inf))
    np.testing.assert_array_equal(d.ppf(1), np.full(shape, np.inf))
    p = np.array([0.0, 0.5, 1.0]).reshape(-1, *[1] * d.mean().ndim)
    np.testing.assert_array_equal(d.ppf(p), [d.ppf(0.0), d.ppf(0.5), d.ppf(1.0)])


def test_quantiles_in_a_gap_between_components():
    d = one_row([0.25, 0.75], [-100.0, 100.0], [0.1, 0.1])
    p = np.array([[0.125], [0.25 - 1e-9], [0.25 + 1e-9], [0.625]])
    np.testing.assert_allclose(d.ppf(p)[[0, 3], 0], [-100, 100], rtol=1e-12)
    np.testing.assert_allclose(d.cdf(d.ppf(p)), p, rtol=1e-12)
    assert -100 < d.ppf(0.25)[0] < 100
    np.testing.assert_allclose(d.cdf(d.ppf(0.25)), 0.25, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_quantiles_follow_the_unit(unit):
    d = mixture(3)
    p = np.array([[0.01], [0.5], [0.99]])
    scaled = GaussianMixture(d.weights, unit * d.means, unit * d.scales)
    np.testing.assert_allclose(scaled.ppf(p), unit * d.ppf(p), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_quantiles_of_what_is_not_a_number_are_found_in_finite_time(monkeypatch):
    """A network that is given huge features predicts means that are not numbers."""
    d = GaussianMixture([[1.0], [1.0]], [[np.nan], [0.0]], [[1.0], [1.0]])
    calls, cdf = [], d._cdf

    def counted(y):
        calls.append(y)
        assert len(calls) < 5000, "bisection does not end"
        return cdf(y)

    monkeypatch.setattr(d, "_cdf", counted)
    np.testing.assert_allclose(d.ppf(0.5), [np.nan, 0], atol=1e-12)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, [0.5, 2.0]], ids=str)
@TARGETS
def test_probabilities_lie_between_0_and_1(p, n_targets):
    with pytest.raises(ValueError, match=r"probability=.* must lie between 0 and 1") as error:
        mixture(2, n_targets, n_rows=2).ppf(p)
    assert f"probability={p!r}" in str(error.value)


# Modes.


@COMPONENTS
@pytest.mark.parametrize("seed", range(5))
def test_mode_is_where_a_grid_is_highest(n_components, seed):
    d = mixture(n_components, n_rows=11, seed=seed)
    grid = np.linspace(-10, 10, 20_001)[:, np.newaxis]
    density = d.pdf(grid)
    np.testing.assert_allclose(d.mode(), grid[density.argmax(axis=0), 0], atol=1e-3)
    assert (d.pdf(d.mode()) >= density.max(axis=0) * (1 - 1e-12)).all()


@pytest.mark.parametrize("seed", range(3))
def test_mode_of_two_targets_is_where_a_grid_is_highest(seed):
    d = mixture(3, 2, seed=seed)
    axis = np.linspace(-8, 8, 161)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    density = d.pdf(grid)
    np.testing.assert_allclose(d.mode(), grid[density.argmax(axis=0), 0], atol=0.1)
    assert (d.pdf(d.mode()) >= density.max(axis=0) * (1 - 1e-12)).all()


@TARGETS
def test_density_is_flat_at_the_mode(n_targets):
    d = mixture(3, n_targets)
    mode, step = d.mode(), 1e-4
    for e in step * np.eye(n_targets):
        e = e if n_targets > 1 else e[0]
        slope = (d.logpdf(mode + e) - d.logpdf(mode - e)) / (2 * step)
        np.testing.assert_allclose(slope, 0, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "means", "scales", "expected"),
    [
        ([0.5, 0.5], [-0.5, 0.5], [1.0, 1.0], 0.0),  # two that merge
        ([0.5, 0.5], [-0.9, 0.9], [1.0, 1.0], 0.0),
        ([0.1, 0.9], [3.0, 0.0], [0.01, 1.0], 3.0),  # a narrow one of little weight is higher
        ([0.4, 0.6], [-3.0, 3.0], [1.0, 1.0], 3.0),
        ([0.5, 0.5], [1e6, -1e6], [1.0, 2.0], 1e6),
        ([0.3, 0.3, 0.4], [-1e-3, 1e-3, 5.0], [1.0, 1.0, 1.0], 0.0),  # two together are higher
    ],
)
def test_modes_of_known_place(weights, means, scales, expected):
    d = one_row(weights, means, scales)
    np.testing.assert_allclose(d.mode(), expected, atol=0.02)


def test_where_two_components_just_merge_the_density_is_reached():
    """There it is flat, and the last steps are small."""
    d = one_row([0.5, 0.5], [-1.0, 1.0], [1.0, 1.0])
    assert abs(d.mode()[0]) < 0.1
    np.testing.assert_allclose(d.pdf(d.mode()), d.pdf(0.0), rtol=2e-6)


def test_one_of_equal_modes_is_taken():
    d = one_row([0.5, 0.5], [-3.0, 3.0], [1.0, 1.0])
    np.testing.assert_allclose(np.abs(d.mode()), 3, atol=1e-4)
    plain = d.logpdf(d.mode())
    np.testing.assert_allclose(plain, d.logpdf(-d.mode()), rtol=1e-12)


def test_equal_modes_of_two_targets_are_not_mixed_up():
    d = one_row([0.5, 0.5], [[-3.0, 3.0], [3.0, -3.0]], np.ones((2, 2)))
    mode = d.mode()[0]
    np.testing.assert_allclose(np.abs(mode), 3, atol=1e-4)
    assert mode[0] * mode[1] < 0


@TARGETS
def test_mode_of_a_row_does_not_depend_on_the_others(n_targets):
    """Though they climb together until each has arrived."""
    d = mixture(3, n_targets, n_rows=11)
    alone = np.concatenate([row(d, i).mode() for i in range(11)])
    np.testing.assert_allclose(d.mode(), alone, rtol=1e-12)


# Shapes.


SHAPES = {
    1: [((), ()), ((5,), ()), ((7, 1), (7,)), ((7, 5), (7,)), ((11, 7, 1), (11, 7)), ((1,), ())],
    2: [
        ((), ()),
        ((2,), ()),
        ((5, 2), ()),
        ((5, 1), ()),
        ((7, 1, 2), (7,)),
        ((7, 5, 2), (7,)),
        ((11, 7, 1, 2), (11, 7)),
    ],
}
"""By the number of targets: the shape of points, and the axes that come before those of the rows."""
every_shape = pytest.mark.parametrize(
    ("n_targets", "shape", "before"), [(q, *case) for q, cases in SHAPES.items() for case in cases]
)


@every_shape
@pytest.mark.parametrize("method", ["pdf", "logpdf", *MARGINALS])
def test_points_broadcast_against_the_rows(method, n_targets, shape, before):
    d = mixture(3, n_targets)
    argument = np.random.default_rng(3).uniform(size=shape)
    found = getattr(d, method)(argument)
    joint = method in ("pdf", "logpdf")
    assert found.shape == (*before, N_ROWS, *([2] if n_targets == 2 and not joint else []))
    full = np.broadcast_to(argument, (*before, *d.mean().shape))
    for index in np.ndindex(before):
        for i in range(N_ROWS):
            expected = getattr(row(d, i), method)(full[index][i : i + 1])
            np.testing.assert_allclose(found[index][i], expected[0], rtol=1e-12)


def test_points_may_be_lists():
    d = GaussianMixture([[1, 0], [0.5, 0.5]], [[0, 9], [-1, 1]], [[1, 1], [1, 1]])
    np.testing.assert_array_equal(d.cdf([0, 0]), [0.5, 0.5])
    np.testing.assert_array_equal(d.ppf([[0.5], [0.5]]).shape, (2, 2))


@pytest.mark.parametrize(
    ("n_components", "n_targets", "expected"),
    [
        (1, 1, "GaussianMixture of 5 rows, 1 component(s), 1 target(s)"),
        (3, 2, "GaussianMixture of 5 rows, 3 component(s), 2 target(s)"),
    ],
)
def test_repr_tells_the_shape(n_components, n_targets, expected):
    assert repr(mixture(n_components, n_targets)) == expected


# Components without weight.


@TARGETS
@pytest.mark.parametrize("position", [0, 1, 3])
@pytest.mark.parametrize("mean", [-1e3, 0.0, 50.0])
def test_a_component_without_weight_changes_nothing(n_targets, position, mean):
    d = mixture(3, n_targets)
    e = GaussianMixture(
        np.insert(d.weights, position, 0, axis=1),
        np.insert(d.means, position, mean, axis=1),
        np.insert(d.scales, position, 0.1, axis=1),
    )
    y = points(d)
    for name in ("mean", "var", "std", "mode"):
        np.testing.assert_allclose(getattr(e, name)(), getattr(d, name)(), rtol=1e-7, err_msg=name)
    for name in ("pdf", "logpdf", "cdf", "crps"):
        np.testing.assert_allclose(getattr(e, name)(y), getattr(d, name)(y), rtol=1e-9, err_msg=name)
    for p in (0, 1e-6, 0.3, 1):
        np.testing.assert_allclose(e.ppf(p), d.ppf(p), rtol=1e-9)
    np.testing.assert_array_equal(e.sample(101, random_state=0), d.sample(101, random_state=0))


# Samples.


@pytest.mark.parametrize(
    "random_state", [0, np.random.RandomState(0), np.random.default_rng(0)], ids=["seed", "old", "new"]
)
def test_samples_follow_the_distribution(random_state):
    d = mixture(3, n_rows=2)
    y = d.sample(20_000, random_state)
    for i in range(2):
        alone = row(d, i)
        assert kstest(y[:, i], lambda t, d=alone: d.cdf(t[:, np.newaxis])[:, 0]).pvalue > 1e-3
    np.testing.assert_allclose(y.mean(axis=0), d.mean(), atol=4 * d.std().max() / np.sqrt(20_000))
    np.testing.assert_allclose(y.std(axis=0), d.std(), rtol=0.02)
    assert abs(np.corrcoef(y.T)[0, 1]) < 0.03  # rows are independent


def test_samples_of_two_targets_come_from_one_component():
    d = mixture(3, 2, n_rows=1)
    w, m, s = d.weights[0], d.means[0], d.scales[0]
    apart = m - w @ m
    covariance = (w[:, np.newaxis] * apart).T @ apart + np.diag(w @ s**2)
    y = d.sample(50_000, 0)[:, 0]
    np.testing.assert_allclose(np.cov(y.T), covariance, atol=0.03 * np.abs(covariance).max())
    assert abs(covariance[0, 1]) > 0.1 * covariance.max()


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng, int])
def test_samples_can_be_repeated(n_targets, make):
    d = mixture(3, n_targets)
    y = d.sample(7, make(4))
    assert y.shape == (7, *d.mean().shape)
    np.testing.assert_array_equal(d.sample(7, make(4)), y)
    assert np.abs(d.sample(7, make(5)) - y).max() > 0.1


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_stream_goes_on(make):
    stream = make(4)
    d = mixture()
    assert np.abs(d.sample(7, stream) - d.sample(7, stream)).min() > 0


@TARGETS
def test_samples_without_a_seed_differ(n_targets):
    d = mixture(3, n_targets)
    assert d.sample().shape == (1, *d.mean().shape)
    assert np.abs(d.sample() - d.sample()).min() > 0
