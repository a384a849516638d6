"""TrainingAnimation: each frame is what the network predicts after that epoch."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp.estimators.callbacks import HAS_CALLBACKS
from skmlp.inspection import TrainingAnimation

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MOONS, SIDES = make_moons(60, noise=0.2, random_state=0)
BLOBS, GROUPS = make_blobs(60, centers=3, random_state=0)
LINE = np.linspace(-2, 2, 60)[:, np.newaxis]
SINE = np.sin(2 * LINE[:, 0])
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 6, "random_state": 0}
CALM = {"every": 1, "grid_resolution": 9}


class Silent:
    """A callback that does nothing."""

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...
    def on_fit_task_end(self, estimator, context): ...


class TestOlderScikitLearn:
    """Collected where scikit-learn has no callbacks."""

    __test__ = not HAS_CALLBACKS

    def test_the_error_says_so(self):
        with pytest.raises(ImportError, match=r"scikit-learn 1\.9 or newer, and this is version"):
            TrainingAnimation()


def recorded(model, X, y, /, **parameters):
    """Return the animation of a fit."""
    animation = TrainingAnimation(**{**CALM, **parameters})
    model.set_callbacks(animation).fit(X, y)
    return animation


def grid_over(X):
    """Return the points at which predictions are recorded."""
    margin = 0.08 * np.ptp(X, axis=0)
    axes = [
        np.linspace(*ends, 9) for ends in zip(X.min(axis=0) - margin, X.max(axis=0) + margin, strict=True)
    ]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes)], axis=1)


class TestRecording:
    """Collected where scikit-learn has callbacks."""

    __test__ = HAS_CALLBACKS

    @pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "es"])
    @pytest.mark.parametrize("standardize", [False, True])
    def test_each_frame_is_the_prediction_of_a_shorter_fit(self, solver, standardize):
        options = {**SMALL, "solver": solver, "standardize": standardize}
        model = MLPClassifier(**options)
        animation = recorded(model, MOONS, SIDES)
        assert animation.epochs_ == [1, 2, 3, 4, 5, 6]
        assert animation.loss_curve_ == model.loss_curve_
        for epoch, frame in zip(animation.epochs_, animation.frames_, strict=True):
            shorter = MLPClassifier(**{**options, "max_iter": epoch}).fit(MOONS, SIDES)
            expected = shorter.predict_proba(grid_over(MOONS))[:, 1]
            np.testing.assert_allclose(frame.ravel(), expected, rtol=1e-5)

    def test_three_classes_and_labels_that_are_words(self):
        words = np.array(["cat", "dog", "emu"])[GROUPS]
        model = MLPClassifier(**SMALL, learning_rate_init=0.1)
        animation = recorded(model, BLOBS, words)
        expected = np.searchsorted(["cat", "dog", "emu"], model.predict(grid_over(BLOBS)))
        np.testing.assert_array_equal(animation.frames_[-1].ravel(), expected)
        assert set(expected) == {0, 1, 2}
        binary = recorded(MLPClassifier(**SMALL), MOONS, SIDES, kind="classes")
        assert set(binary.frames_[-1].ravel()) == {0, 1}

    def test_the_curve_of_a_regressor(self):
        model = MLPRegressor(**SMALL)
        animation = recorded(model, LINE, SINE)
        assert len(animation.frames_) == 6
        np.testing.assert_allclose(animation.frames_[-1], model.predict(grid_over(LINE)), rtol=1e-5)

    def test_the_last_frame_is_the_network_that_is_kept(self):
        model = MLPRegressor(**{**SMALL, "max_iter": 60}, early_stopping=True, learning_rate_init=0.1)
        animation = recorded(model, LINE, SINE)
        assert model.best_iter_ < model.n_iter_
        assert animation.epochs_ == [*range(1, model.n_iter_ + 1), model.best_iter_]
        np.testing.assert_allclose(animation.frames_[-1], model.predict(grid_over(LINE)), rtol=1e-5)

    def test_an_ensemble_is_drawn_as_its_mean(self):
        model = MLPClassifier(**SMALL, n_members=2)
        animation = recorded(model, MOONS, SIDES)
        expected = model.predict_proba(grid_over(MOONS))[:, 1]
        np.testing.assert_allclose(animation.frames_[-1].ravel(), expected, rtol=1e-5)

    @pytest.mark.parametrize(
        ("parameters", "epochs"),
        [
            ({"every": 1}, [*range(1, 21)]),
            ({"every": 5}, [1, 6, 11, 16, 20]),
            ({"every": 100}, [1, 20]),
            ({"max_frames": 21}, [*range(1, 21)]),
            ({"max_frames": 8}, [1, 5, 9, 13, 17, 20]),
            ({"max_frames": 2}, [1, 20]),
        ],
    )
    def test_which_epochs_are_recorded(self, parameters, epochs):
        model = MLPRegressor((3,), max_iter=20, n_iter_no_change=100, random_state=0)
        assert recorded(model, LINE, SINE, **parameters).epochs_ == epochs

    def test_other_samples_can_be_drawn(self):
        animation = recorded(MLPClassifier(**SMALL), MOONS, SIDES, X=3 * MOONS[:10], y=SIDES[:10])
        np.testing.assert_allclose(animation._grid, grid_over(3 * MOONS[:10]))

    def test_features_with_names(self):
        frame = pytest.importorskip("pandas").DataFrame(MOONS, columns=["a", "b"])
        model = MLPClassifier(**SMALL)
        assert len(recorded(model, frame, SIDES).frames_) == 6
        assert list(model.feature_names_in_) == ["a", "b"]

    def test_recording_does_not_change_the_fit(self):
        model = MLPClassifier(**SMALL)
        recorded(model, MOONS, SIDES)
        alone = MLPClassifier(**SMALL).fit(MOONS, SIDES)
        np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])

    def test_a_warm_start_is_a_fit_of_its_own(self):
        model = MLPClassifier(**SMALL, warm_start=True)
        animation = recorded(model, MOONS, SIDES)
        first = animation.frames_
        model.fit(MOONS, SIDES)
        assert animation.epochs_ == [1, 2, 3, 4, 5, 6]
        assert animation.loss_curve_ == model.loss_curve_[6:]
        assert not np.array_equal(first[-1], animation.frames_[-1])

    def test_in_a_search_the_refit_is_recorded(self):
        animation = TrainingAnimation(**CALM)
        model = MLPClassifier(**SMALL).set_callbacks(animation)
        search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2).fit(MOONS, SIDES)
        assert animation.loss_curve_ == search.best_estimator_.loss_curve_
        expected = search.predict_proba(grid_over(MOONS))[:, 1]
        np.testing.assert_allclose(animation.frames_[-1].ravel(), expected, rtol=1e-5)

    def test_in_a_pipeline_the_network_sees_transformed_features(self):
        animation = TrainingAnimation(**CALM)
        pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SMALL).set_callbacks(animation))
        pipeline.fit(100 * MOONS, SIDES)
        assert len(animation.frames_) == 6
        scaled = StandardScaler().fit_transform(MOONS)
        np.testing.assert_allclose(animation._grid, grid_over(scaled), rtol=1e-9)
        grid = pipeline[0].inverse_transform(animation._grid)
        expected = pipeline.predict_proba(grid)[:, 1]
        np.testing.assert_allclose(animation.frames_[-1].ravel(), expected, rtol=1e-5)

    def test_fits_that_overlap(self):
        """As with threads: the fit that began last is recorded, the others are not mixed in."""

        class FitsAnother(Silent):
            def __init__(self, other):
                self.other = other

            def on_fit_task_end(self, estimator, context):
                if context.task_name == "epoch" and context.task_id == 2:
                    self.other.fit(LINE, SINE)

        animation = TrainingAnimation(**CALM)
        inner = MLPRegressor((3,), max_iter=4, random_state=0).set_callbacks(animation)
        MLPClassifier(**SMALL).set_callbacks(animation, FitsAnother(inner)).fit(MOONS, SIDES)
        assert animation.epochs_ == [1, 2, 3, 4]
        assert animation.loss_curve_ == inner.loss_curve_

    def test_clones_share_it_and_pickles_keep_the_frames(self):
        animation = TrainingAnimation(**CALM)
        model = MLPClassifier(**SMALL).set_callbacks(animation)
        clone(model).fit(MOONS, SIDES)
        assert len(animation.frames_) == 6
        copy = pickle.loads(pickle.dumps(animation))
        np.testing.assert_array_equal(copy.frames_, animation.frames_)
        assert copy.epochs_ == animation.epochs_
        pickle.loads(pickle.dumps(model)).fit(MOONS, SIDES)

    def test_a_fit_that_diverges_is_recorded_up_to_its_end(self):
        model = MLPRegressor(**SMALL, solver="sgd", learning_rate_init=1e9)
        animation = TrainingAnimation(**CALM)
        with pytest.raises(ValueError, match="diverged"):
            model.set_callbacks(animation).fit(LINE, SINE)
        assert animation.epochs_ == list(range(1, len(animation.loss_curve_) + 1))
        assert animation.loss_curve_[-1] > 1e9

    def test_a_fit_that_fails_leaves_its_frames_and_losses(self):
        class Fails(Silent):
            def on_fit_task_end(self, estimator, context):
                if context.task_id == 3:
                    raise MemoryError("by the callback")

        animation = TrainingAnimation(**CALM)
        model = MLPClassifier(**SMALL).fit(MOONS, SIDES)
        with pytest.raises(MemoryError, match="by the callback"):
            model.set_callbacks(animation, Fails()).fit(MOONS, SIDES)
        assert animation.epochs_ == [1, 2, 3, 4]
        assert len(animation.loss_curve_) == 4

    @pytest.mark.parametrize(
        ("model", "X", "y", "parameters", "message"),
        [
            (MLPClassifier(), BLOBS[:, :1], SIDES, {}, r"\(60, 1\), but kind='probability' draws 2"),
            (MLPRegressor(), MOONS, SINE, {}, r"\(60, 2\), but kind='curve' draws 1 feature"),
            (MLPRegressor(), LINE, np.stack([SINE, SINE], axis=1), {}, "y has the shape"),
            (MLPClassifier(), BLOBS, GROUPS, {"kind": "probability"}, "two classes, and there are 3"),
            (
                MLPRegressor(),
                MOONS,
                SINE,
                {"kind": "classes"},
                "does not fit MLPRegressor: set kind='auto'",
            ),
            (MLPClassifier(), LINE, SIDES, {"kind": "curve"}, "does not fit MLPClassifier"),
            (MLPClassifier(n_members=2, solver="lbfgs"), MOONS, SIDES, {}, "n_members=2: solver='lbfgs'"),
            (MLPClassifier(), MOONS, SIDES, {"X": MOONS[:, :1], "y": SIDES}, r"X has the shape \(60, 1\)"),
        ],
    )
    def test_data_that_cannot_be_drawn(self, model, X, y, parameters, message):
        with pytest.raises(ValueError, match=message):
            recorded(clone(model), X, y, **parameters)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"kind": "surface"}, "kind='surface' must be one of"),
            ({"every": 0}, "every=0 must be an int of at least 1"),
            ({"max_frames": 1}, "max_frames=1 must be an int of at least 2"),
            ({"grid_resolution": 1}, "grid_resolution=1"),
            ({"X": MOONS}, "X and y must be given together"),
        ],
    )
    def test_wrong_parameters(self, parameters, message):
        with pytest.raises(ValueError, match=message):
            TrainingAnimation(**parameters)


class TestDrawing:
    """Collected where scikit-learn has callbacks."""

    __test__ = HAS_CALLBACKS

    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        self.plt = pytest.importorskip("matplotlib.pyplot")

    def test_a_gif_has_all_frames(self, tmp_path):
        image_of = pytest.importorskip("PIL.Image").open
        animation = recorded(MLPClassifier(**SMALL), MOONS, SIDES, every=2)
        animation.save(tmp_path / "moons.gif", fps=5)
        with image_of(tmp_path / "moons.gif") as image:
            assert image.format == "GIF"
            assert image.n_frames == len(animation.frames_) == 4
            assert image.info["duration"] == 200
        assert self.plt.get_fignums() == []

    def test_a_page_has_all_frames(self, tmp_path):
        animation = recorded(MLPRegressor(**SMALL), LINE, SINE, every=3)
        animation.save(str(tmp_path / "sine.html"))
        page = (tmp_path / "sine.html").read_text(encoding="utf-8")
        assert page.count("data:image/png;base64") == len(animation.frames_) == 3
        assert "data:image/png;base64" in animation._repr_html_()
        assert self.plt.get_fignums() == []

    def test_the_animation_itself(self):
        animation = recorded(MLPClassifier(**SMALL, solver="lbfgs"), BLOBS, GROUPS)
        shown = animation.animation(fps=20)
        assert type(shown).__name__ == "FuncAnimation"
        assert len(list(shown.new_frame_seq())) == len(animation.frames_)
        shown.to_jshtml()

    def test_one_frame(self):
        animation = recorded(MLPClassifier(**SMALL), MOONS, SIDES)
        ax = animation.plot(2)
        assert ax.get_title() == "epoch 3"
        np.testing.assert_array_equal(ax.images[0].get_array(), animation.frames_[2])
        np.testing.assert_array_equal(ax.collections[-1].get_offsets(), MOONS)
        _, own = self.plt.subplots()
        assert animation.plot(ax=own) is own
        assert own.get_title() == "epoch 6"
        with pytest.raises(ValueError, match="frame=6: there are 6 frames"):
            animation.plot(6)

    def test_one_frame_of_a_curve(self):
        animation = recorded(MLPRegressor(**SMALL), LINE, SINE)
        ax = animation.plot(0)
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), animation.frames_[0])
        np.testing.assert_allclose(ax.collections[0].get_offsets(), np.stack([LINE[:, 0], SINE], axis=1))

    def test_nothing_recorded(self, tmp_path):
        animation = TrainingAnimation()
        assert animation._repr_html_() is None
        for call in (animation.plot, animation.animation, lambda: animation.save(tmp_path / "x.gif")):
            with pytest.raises(NotFittedError, match="set_callbacks"):
                call()

    def test_formats(self, tmp_path):
        animation = recorded(MLPRegressor(**SMALL), LINE, SINE)
        with pytest.raises(ValueError, match=r"must end with \.gif or \.html"):
            animation.save(tmp_path / "sine.mp4")
