import pytest

from common.results.plain_yaml import YamlError, parse_yaml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: key 'a' comes twice (line 1)"),
        ("x:\n  lr: 1\n  lr: 2\n", "line 3: key 'lr' comes twice (line 2)"),
        ("{1: a, 1: b}", "line 1: key '1' comes twice (line 1)"),
        ("- {a: 1, 'a': 2}", "line 1: key 'a' comes twice (line 1)"),
        ("? a\n: 1\n? a\n: 2", "line 3: key 'a' comes twice (line 1)"),
    ],
)
def test_a_key_that_comes_twice_is_refused_with_its_line(text, said):
    """The last one would have counted, and nobody been told of the other."""
    for content in (text, text.encode()):
        with pytest.raises(YamlError) as caught:
            parse_yaml(content)
        assert str(caught.value).startswith(said)
        assert "\n" not in str(caught.value)


def test_a_key_may_override_one_that_is_merged():
    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, y: 3}\nc: {<<: [*b, *a], x: 4}\nd: {<<: *b}\n"
    found = parse_yaml(text)
    assert found["b"] == found["d"] == {"x": 1, "y": 3}
    assert found["c"] == {"x": 4, "y": 3}


def test_keys_of_two_kinds_are_two():
    assert parse_yaml("{1: a, '1': b}") == {1: "a", "1": "b"}
