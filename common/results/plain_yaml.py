"""Plain YAML: text, numbers, lists and mappings. A tag, or anything else that asks for more, is one line of error."""

from __future__ import annotations

import re
import reprlib
from typing import Any

import yaml

_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxlist, _BRIEF.maxdict, _BRIEF.maxstring, _BRIEF.maxother = 2, 3, 3, 80, 80


class YamlError(ValueError):
    """The text is not plain YAML: one line that says where and why."""


class _Loader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's floats: 1.1's want a point and a sign, and ``1e-3`` would be a word.

    And with its mappings: a key comes once, where the loader would drop all but the last in silence.
    """

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Compose a mapping; here its keys are its own still, for those that it merges (``<<``) may be overridden."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line, name = key.start_mark.line + 1, (key.tag, key.value)
            if name in lines:
                raise YamlError(f"line {line}: key {key.value!r} comes twice (line {lines[name]}); keep one")
            lines[name] = line
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


def brief(value: Any) -> str:
    """Return a value as an error may quote it: a few lines of YAML can hold more than a disk could."""
    return _BRIEF.repr(value)


def parse_yaml(content: str | bytes) -> Any:
    """Return what ``content`` (UTF-8) holds; nothing in it is ever executed.

    The safe loader refuses the tags that would build objects. Its own ones (``!!int``, ``!!timestamp``) on a text that
    does not fit, an impossible date and lists too deep end in errors of many kinds, all of them the text's fault.
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (it is a safe loader)
    except YamlError:
        raise
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from None
    except RecursionError:
        raise YamlError("nested too deeply") from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        raise YamlError(" ".join(f"{type(error).__name__}: {error}".split())) from None
