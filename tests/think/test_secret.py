"""What an address that is shown keeps to itself."""

import pytest

from monitor.secret import masked_url


@pytest.mark.parametrize(
    "name",
    [
        "pass",
        "PASS",
        "user_pass",
        "wp-pass",
        "userpass",
        "pass1",
        "password",
        "dbPasswd",
        "passphrase",
        "apikey",
    ],
)
def test_a_parameter_that_names_a_secret_is_masked(name):
    assert (
        masked_url(f"https://a.example/feed?a=1&{name}=sesame&b=2")
        == f"https://a.example/feed?a=1&{name}=***&b=2"
    )


@pytest.mark.parametrize("name", ["passage", "compass", "bypass", "passport", "passenger_id", "page"])
def test_a_parameter_that_only_sounds_like_one_is_shown(name):
    address = f"https://a.example/feed?{name}=north"
    assert masked_url(address) == address
