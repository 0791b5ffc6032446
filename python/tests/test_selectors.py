"""What a dependency may look like, and what is said when it does not."""

import logging

import pytest

from mesh.declaring.selectors import Selector, parse_selectors


def test_a_name_and_a_dictionary_are_selectors() -> None:
    assert parse_selectors(
        [
            "echo",
            {"capability": "weather", "tags": ["+x", "-y", ["a", "b"]], "version": ">=1.0.0"},
            {"capability": "date", "required": True},
        ]
    ) == (
        Selector("echo"),
        Selector("weather", tags=("+x", "-y", ("a", "b")), version=">=1.0.0"),
        Selector("date", required=True),
    )


def test_an_expected_type_is_compared_as_a_subset_unless_told_otherwise() -> None:
    first, second = parse_selectors(
        [
            {"capability": "a", "expected_type": int},
            {"capability": "b", "expected_type": {"type": "string"}, "match_mode": "strict"},
        ]
    )
    assert (first.match_mode, second.match_mode) == ("subset", "strict")


def test_a_match_mode_alone_only_warns(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mesh"):
        (selector,) = parse_selectors([{"capability": "a", "match_mode": "strict"}])
    assert selector.match_mode is None
    assert "no effect without expected_type" in caplog.text


@pytest.mark.parametrize(
    ("dependencies", "message"),
    [
        ("echo", "dependencies must be a list of capability names or dictionaries, got str"),
        ([3], r"dependencies\[0\] must be a capability name or a dictionary, got int"),
        (["a", ""], r"dependencies\[1\]: capability must be a non-empty string, got ''"),
        ([{}], r"dependencies\[0\]: capability must be a non-empty string, got None"),
        ([{"capability": "a", "tags": "x"}], "tags must be a list of strings, got 'x'"),
        ([{"capability": "a", "tags": [1]}], "a tag must be a string or a list of strings, got 1"),
        ([{"capability": "a", "version": 1}], "version must be a constraint"),
        ([{"capability": "a", "required": "yes"}], "required must be a bool, got 'yes'"),
        (
            [{"capability": "a", "expected_type": int, "match_mode": "loose"}],
            "match_mode must be 'subset' or 'strict', got 'loose'",
        ),
    ],
)
def test_a_wrong_selector_is_named(dependencies: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_selectors(dependencies)
