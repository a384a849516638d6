"""LossCurveDisplay: its curves are those that the estimator publishes."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmlp import MLPClassifier, MLPRegressor
from skmlp.inspection import LossCurveDisplay

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(80, 4))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 7, "random_state": 0}
RATES = [0.4, 0.4, 0.2, 0.2, 0.1, 0.1, 0.1]


def drawn(display):
    """Return the y values of each curve by its label."""
    return {line.get_label(): list(line.get_ydata()) for line in display.lines_}


def with_rates(model, rates=RATES):
    model.learning_rate_curve_ = rates
    return model


def test_the_training_loss_alone():
    model = MLPRegressor(**SMALL, learning_rate="constant").fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert drawn(display) == {"training loss": model.loss_curve_}
    assert list(display.lines_[0].get_xdata()) == [1, 2, 3, 4, 5, 6, 7]
    assert display.figure_.axes == [display.ax_]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")
    assert display.score_ax_ is display.learning_rate_ax_ is None


def test_validation_and_the_best_epoch():
    model = MLPClassifier(**SMALL, early_stopping=True).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    best = f"best epoch: {model.best_iter_}"
    assert drawn(display) == {
        "training loss": model.loss_curve_,
        "validation loss": model.validation_loss_curve_,
        "validation score": model.validation_scores_,
        best: [0, 1],
    }
    assert list(display.lines_[-1].get_xdata()) == [model.best_iter_] * 2
    assert display.lines_[2].axes is display.score_ax_
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list(drawn(display))


def test_scores_that_are_the_loss_are_not_drawn_twice():
    model = MLPClassifier(**SMALL, early_stopping=True, scoring="loss").fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert list(drawn(display)) == ["training loss", "validation loss", f"best epoch: {model.best_iter_}"]
    assert display.score_ax_ is None


def test_an_ensemble_has_no_best_epoch_in_common():
    model = MLPClassifier(**SMALL, early_stopping=True, n_members=2).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_iter is None
    assert display.loss == model.loss_curve_
    members = [LossCurveDisplay.from_estimator(member).best_iter for member in model.members_]
    assert members == [member.best_iter_ for member in model.members_]


def test_the_best_epoch_of_a_warm_start_is_counted_from_the_first_fit():
    model = MLPClassifier(**SMALL, warm_start=True).fit(X, Y)
    model.set_params(early_stopping=True).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_iter == 7 + model.best_iter_
    # What was validated later is drawn later.
    assert list(display.lines_[1].get_xdata()) == [8, 9, 10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("solver", "unit"), [("lbfgs", "iteration"), ("lm", "iteration"), ("es", "generation")]
)
def test_other_solvers_have_other_units_and_no_rate(solver, unit):
    model = MLPRegressor(**SMALL, solver=solver).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model, log=True)
    assert display.ax_.get_xlabel() == unit
    assert display.ax_.get_yscale() == "log"
    with pytest.raises(ValueError, match="learning_rate=True, but there is no learning rate"):
        LossCurveDisplay.from_estimator(model, learning_rate=True)


@pytest.mark.parametrize(
    ("learning_rate", "rates", "is_drawn"),
    [
        ("auto", RATES, True),
        ("auto", [0.1] * 7, False),
        ("auto", None, False),
        (True, [0.1] * 7, True),
        (False, RATES, False),
    ],
)
def test_the_learning_rate_has_axes_below(learning_rate, rates, is_drawn):
    model = with_rates(MLPClassifier(**SMALL).fit(X, Y), rates)
    display = LossCurveDisplay.from_estimator(model, learning_rate=learning_rate)
    assert ("learning rate" in drawn(display)) == is_drawn
    if is_drawn:
        assert drawn(display)["learning rate"] == rates
        below = display.learning_rate_ax_
        assert below.get_position().y1 < display.ax_.get_position().y0
        assert below.get_xlabel() == "epoch"
        assert below.get_xlim() == display.ax_.get_xlim()


def test_a_schedule_is_drawn_as_the_estimator_publishes_it():
    model = MLPClassifier(**SMALL, solver="sgd", learning_rate="invscaling").fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert drawn(display)["learning rate"] == model.learning_rate_curve_
    assert len(set(model.learning_rate_curve_)) == 7


def test_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    model = with_rates(MLPClassifier(**SMALL, early_stopping=True).fit(X, Y))
    display = LossCurveDisplay.from_estimator(model, ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert display.learning_rate_ax_.get_position().x0 == pytest.approx(right.get_position().x0)
    assert not left.lines


def test_axes_that_cannot_be_split():
    ax = plt.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    model = with_rates(MLPClassifier(**SMALL).fit(X, Y))
    with pytest.raises(ValueError, match="learning_rate=False"):
        LossCurveDisplay.from_estimator(model, ax=ax)
    LossCurveDisplay.from_estimator(model, ax=ax, learning_rate=False)


def test_partial_fit_has_one_loss_per_call():
    model = MLPClassifier(**SMALL)
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1])
    assert len(LossCurveDisplay.from_estimator(model).lines_[0].get_ydata()) == 3


def test_plain_data_can_be_drawn():
    display = LossCurveDisplay(loss=[3.0, 2.0, 1.0], validation_loss=[3.0, 2.5, 2.6], best_iter=2).plot()
    assert list(drawn(display)) == ["training loss", "validation loss", "best epoch: 2"]


def test_what_cannot_be_drawn():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPClassifier())
    pipeline = make_pipeline(MLPClassifier(**SMALL)).fit(X, Y)
    with pytest.raises(TypeError, match=r"Pipeline has no loss_curve_: .*pipeline\[-1\]"):
        LossCurveDisplay.from_estimator(pipeline)
    with pytest.raises(ValueError, match="learning_rate='always'"):
        LossCurveDisplay.from_estimator(pipeline[-1], learning_rate="always")
    with pytest.raises(ValueError, match="log=True, but the lowest loss is -1"):
        LossCurveDisplay(loss=[1.0, -1.0]).plot(log=True)
