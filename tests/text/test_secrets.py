"""Which names stand for secrets, and texts without them."""

from __future__ import annotations

import pytest

from planner.text.secrets import is_secret_option, is_secret_variable, masked, secret_values


@pytest.mark.parametrize(
    "name",
    [
        *("API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "GITHUB_TOKEN", "PGPASSWORD"),
        *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "DB_PASSWD", "GOOGLE_APPLICATION_CREDENTIALS"),
        *("BASIC_AUTH", "client_secret", "wandbApiKey"),
    ],
)
def test_variables_that_are_named_like_secrets(name: str) -> None:
    assert is_secret_variable(name)


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM", "MONKEY", "AUTHOR", "XAUTHORITY", "LANG"]
)
def test_variables_that_are_not(name: str) -> None:
    assert not is_secret_variable(name)


@pytest.mark.parametrize("name", ["api_key", "--api-key", "hf_token", "password", "apiKey", "auth"])
def test_options_that_are_named_like_secrets(name: str) -> None:
    assert is_secret_option(name)


@pytest.mark.parametrize("name", ["sort_key", "key", "max_tokens", "token_dim", "author", "key_size", ""])
def test_options_that_only_sound_so(name: str) -> None:
    assert not is_secret_option(name)


def test_values_of_variables_options_and_parameters_are_secrets() -> None:
    command = ["python", "train.py", "--api-key", "from-option", "--token=from-equals", "MY_SECRET=from-word"]
    environment = {"HF_TOKEN": "from-variable", "PATH": "/usr/bin", "SHORT_KEY": "12345"}
    params = {"password": "from-param", "secret": 12345678, "lr": "0.100000"}
    assert secret_values(environment, command, params) == {
        *("from-variable", "from-option", "from-equals", "from-word", "from-param")
    }


def test_a_placeholder_or_another_option_is_no_value() -> None:
    assert secret_values({}, ["run", "--api-key", "{params.api_key}", "--token", "--verbose"]) == set()
    assert secret_values({}, ["run", "--token"]) == set()


def test_a_secret_is_masked_wherever_it_stands_the_longest_first() -> None:
    text = "key=abcdefgh, then abcdef."
    assert masked(text, ["abcdef", "abcdefgh"]) == "key=***, then ***."


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("at postgresql://ada:pa55word@host/db now", "at postgresql://ada:***@host/db now"),
        ("https://:token@host and http://a:b@c", "https://:***@host and http://a:***@c"),
        ("http://host:5000/path and mail a:b@c", "http://host:5000/path and mail a:b@c"),
    ],
)
def test_a_password_in_an_address_is_masked(text: str, safe: str) -> None:
    assert masked(text, ()) == safe
