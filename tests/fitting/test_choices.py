"""What parameters choose: checked objects and numbers, by which fits are made, kept apart and predicted."""

from dataclasses import fields

import pytest

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.estimators.problems import choices_of
from skmlp.fitting.choices import PREDICTING, Choices, NetworkChoices
from skmlp.network.activations import GELU, LeakyReLU, ReLU, Tanh
from skmlp.network.hyperparameters import stack_key
from skmlp.network.losses import Focal, Huber, LogLoss, Quantile, SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.normalizations import BatchNormalization
from skmlp.training.optimizers import Adam, RMSprop
from skmlp.training.schedules import Cosine, InverseScaling
from skmlp.training.solvers import SOLVERS


def choices(cls=MLPRegressor, **parameters):
    return choices_of(cls(**parameters))


def test_names_become_objects():
    chosen = choices(
        hidden_layer_sizes=7, activation="tanh", solver="adam", beta_1=0.5, normalization="batch"
    )
    assert chosen.network.hidden_layer_sizes == (7,)
    assert chosen.network.activations == (Tanh(),)
    assert chosen.network.normalization == BatchNormalization()
    assert chosen.solver == Adam(beta_1=0.5)
    assert choices(learning_rate="invscaling", power_t=0.3).schedule == InverseScaling(power_t=0.3)
    assert choices(learning_rate="cosine", warmup=0.1).schedule == Cosine(warmup=0.1)
    others = choices(weight_decay_schedule="cosine", dropout_schedule=Cosine(n_epochs=3), warmup=0.1)
    assert (others.weight_decay_schedule, others.dropout_schedule) == (Cosine(), Cosine(n_epochs=3))
    assert others.need_the_end == ["weight_decay_schedule", "dropout_schedule"]
    assert others.length_of_plan == ("dropout_schedule", 3)


def test_instances_stay_what_they_are():
    activations = [LeakyReLU(slope=0.3), GELU()]
    chosen = choices(hidden_layer_sizes=[3, 4], activation=activations, solver=RMSprop(rho=0.5), beta_1=0.1)
    assert chosen.network.activations == tuple(activations)
    assert chosen.solver == RMSprop(rho=0.5)


@pytest.mark.parametrize("name", SOLVERS)
def test_full_batch_solvers_are_taken_from_their_table(name):
    assert type(choices(solver=name).solver) is type(SOLVERS[name])


def test_parameters_of_the_same_name_become_fields_of_a_solver():
    solver = choices(solver="es", population_size=9, n_restarts=1).solver
    assert (solver.population_size, solver.n_restarts) == (9, 1)
    assert choices(solver="es").solver.population_size is None


@pytest.mark.parametrize(
    ("batch_size", "n_samples", "n_rows"),
    [
        ("auto", 1000, 200),
        ("auto", 11, 11),
        ("adaptive", 11, 11),
        ("adaptive", 100, 32),
        ("adaptive", 1600, 100),
        ("adaptive", 10**6, 256),
        (50, 1000, 50),
    ],
)
def test_rows_per_batch(batch_size, n_samples, n_rows):
    assert choices(batch_size=batch_size).rows_per_batch(n_samples) == n_rows


def test_each_estimator_has_its_losses():
    assert choices().loss == SquaredError()
    assert choices(loss=Huber(2.0)).loss == Huber(2.0)
    assert choices(loss="quantile", quantile=0.3).loss == Quantile(0.3)
    assert choices(MLPClassifier).loss == LogLoss()
    assert choices(MLPClassifier, loss=Focal(1.0)).loss == Focal(1.0)
    assert choices(MixtureDensityRegressor, n_components=2).loss == MixtureDensity(n_components=2)
    assert choices(MixtureDensityRegressor).standardize


def test_a_cost_leaves_the_loss_its_link():
    chosen = choices(MLPClassifier, loss="roc_auc", solver="es")
    assert (chosen.cost, chosen.loss) == ("roc_auc", LogLoss())


PER_NETWORK = {
    "alpha": (0.1, 0.2),
    "learning_rate_init": (0.1, 0.2),
    "weight_decay": (0.1, 0.2),
    "max_grad_norm": (None, 0.2),
    "tol": (0.1, 0.2),
    "random_state": (1, 2),
    "validation_fraction": (0.1, 0.2),
    "shared_validation": (True, False),
    "scoring": ("loss", None),
    "beta_1": (0.5, 0.6),
    "dropout": (0.1, 0.2),
    "loss": (Huber(1.0), Huber(2.0)),
    "n_members": (1, 2),
    "laplace": (None, "full"),
    "verbose": (0, 1),
    "warm_start": (True, False),
}


@pytest.mark.parametrize(("name", "values"), PER_NETWORK.items(), ids=list(PER_NETWORK))
def test_what_may_differ_within_a_stack(name, values):
    one, other = (choices(**{name: value}) for value in values)
    assert stack_key(one) == stack_key(other)
    assert one != other


APART = {
    "hidden_layer_sizes": (5, 6),
    "activation": ("relu", "tanh"),
    "solver": ("adam", "sgd"),
    "learning_rate": ("constant", "cosine"),
    "batch_size": ("auto", "adaptive"),
    "max_iter": (3, 4),
    "shuffle": (True, False),
    "early_stopping": (True, False),
    "dtype": ("float32", "float64"),
    "n_iter_no_change": (3, 4),
    "initializer": ("auto", "orthogonal"),
    "normalization": (None, "batch"),
    "input_layer": (None, "scaling"),
    "skip": (False, True),
    "warmup": (0.0, 0.1),
    "weight_decay_schedule": ("constant", "cosine"),
    "dropout_schedule": ("constant", Cosine()),
    "loss": ("huber", "squared_error"),
}


@pytest.mark.parametrize(("name", "values"), APART.items(), ids=list(APART))
def test_what_keeps_fits_apart(name, values):
    one, other = (choices(**{name: value}) for value in values)
    assert stack_key(one) != stack_key(other)


def test_every_field_is_one_or_the_other():
    """Whether a field may differ within a stack is said where it is declared, and nowhere else."""
    declared = {field.name for field in fields(Choices) if field.metadata.get("per_network")}
    assert declared - {"params", "class_weight", "encoding"} <= PER_NETWORK.keys()


def test_a_fit_keeps_a_copy_of_what_its_network_computes():
    activation = ["relu", "tanh"]
    kept = choices(hidden_layer_sizes=(3, 4), activation=activation).fitted_params()
    activation[0] = "gelu"
    assert kept["activation"] == ["relu", "tanh"]
    assert kept.keys() <= PREDICTING
    assert "random_state" not in kept


def test_a_cost_is_not_kept():
    def cost(y_true, y_pred):
        return 0.0

    assert choices(loss=cost, solver="es").fitted_params()["loss"] == "squared_error"


def test_without_hidden_layers_the_activation_scales_the_initial_weights():
    network = NetworkChoices.of(MLPRegressor((), "relu")._params(), SquaredError())
    assert network.activations == (ReLU(),)
    assert network.hidden_layer_sizes == ()
