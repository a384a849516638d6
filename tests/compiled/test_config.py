"""The setting of the compiled engine: its values, its threads, and how it reaches workers."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import skmlp


@pytest.fixture(autouse=True)
def _as_it_was():
    with skmlp.config_context():
        yield


@pytest.mark.parametrize("value", [True, False, "auto"])
def test_it_is_set_and_restored(value):
    before = skmlp.get_config()
    with skmlp.config_context(compiled=value):
        assert skmlp.get_config() == {"compiled": value}
        with skmlp.config_context():
            assert skmlp.get_config() == {"compiled": value}
        with pytest.raises(KeyError), skmlp.config_context(compiled=not value):
            raise KeyError
        assert skmlp.get_config() == {"compiled": value}
    assert skmlp.get_config() == before
    skmlp.set_config(compiled=value)
    skmlp.set_config()
    assert skmlp.get_config() == {"compiled": value}


@pytest.mark.parametrize("value", ["yes", 2, 1.0, "True"])
def test_other_values_are_refused(value):
    before = skmlp.get_config()
    with pytest.raises(ValueError, match="compiled must be True, False or 'auto'"):
        skmlp.set_config(compiled=value)
    with pytest.raises(ValueError, match="compiled must be"), skmlp.config_context(compiled=value):
        pass
    assert skmlp.get_config() == before


def test_another_thread_has_its_own():
    before = skmlp.get_config()
    with skmlp.config_context(compiled="auto"), ThreadPoolExecutor(1) as threads:
        assert threads.submit(skmlp.get_config).result() == before
        threads.submit(skmlp.set_config, compiled=True).result()
        assert skmlp.get_config() == {"compiled": "auto"}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1", True),
        *(
            pytest.param(*c, marks=pytest.mark.slow)
            for c in [("0", False), ("auto", "auto"), (None, "auto")]
        ),
    ],
)
def test_the_environment_has_the_first_word(word, value):
    environment = {name: text for name, text in os.environ.items() if name != "SKMLP_COMPILED"}
    environment |= {} if word is None else {"SKMLP_COMPILED": word}
    command = [sys.executable, "-c", "import skmlp; print(skmlp.get_config())"]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.strip() == repr({"compiled": value})


def test_the_environment_is_checked():
    environment = os.environ | {"SKMLP_COMPILED": "perhaps"}
    command = [sys.executable, "-c", "import skmlp"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode
    assert "SKMLP_COMPILED must be one of" in process.stderr
