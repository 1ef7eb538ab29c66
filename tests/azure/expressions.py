"""The expressions of ARM templates: parsed once, evaluated lazily. Only the functions that our template uses."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_][\w.]*)|(?P<mark>\.\?|[()\[\],.?]))"
)
NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


class TemplateError(Exception):
    """What Azure Resource Manager answers for a template or a resource that it refuses."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse(text: str) -> Any:
    """The tree of an expression: ('text', …), ('number', …), ('call', name, arguments), ('member', of, key)."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if not match:
            raise TemplateError("InvalidTemplate", f"cannot read the expression at: {text[at : at + 40]}")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        at = match.end()
    tokens.append(("mark", ""))
    position = 0

    def take(expected: str | None = None) -> tuple[str, str]:
        nonlocal position
        kind, value = tokens[position]
        if expected is not None and value != expected:
            raise TemplateError("InvalidTemplate", f"`{expected}` expected, `{value}` found in: {text[:200]}")
        position += 1
        return kind, value

    def expression() -> Any:
        kind, value = take()
        node: Any
        if kind == "string":
            node = ("text", value[1:-1].replace("''", "'"))
        elif kind == "number":
            node = ("number", int(value))
        elif kind == "name":
            take("(")
            arguments: list[Any] = []
            while tokens[position][1] != ")":
                arguments.append(expression())
                if tokens[position][1] == ",":
                    take()
            take(")")
            node = ("call", value, arguments)
        else:
            raise TemplateError("InvalidTemplate", f"`{value}` is unexpected in: {text[:200]}")
        while tokens[position][1] in (".", "["):
            if take()[1] == "[":
                node = ("member", node, expression())
                take("]")
            else:
                # A name token holds dots: `properties.outputs.x` is one token.
                for part in take()[1].split("."):
                    node = ("member", node, ("text", part))
        return node

    tree = expression()
    take("")
    return tree


def lookup(value: Any, key: Any) -> Any:
    """A member or an element, or a KeyError. Azure's members know no case."""
    if isinstance(value, dict):
        for name in value:
            if name.lower() == str(key).lower():
                return value[name]
        raise KeyError(key)
    return value[key]


def text_of(value: Any) -> str:
    return {True: "True", False: "False"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def digest(*parts: Any) -> str:
    return hashlib.sha256("|".join(map(text_of, parts)).encode()).hexdigest()


def guid_of(*parts: Any) -> str:
    text = digest(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def cidr(text: str) -> Any:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as problem:
        raise TemplateError("InvalidTemplate", f"parseCidr: {problem}") from problem
    return {"network": str(network.network_address), "cidr": network.prefixlen}


def union(*values: Any) -> Any:
    if isinstance(values[0], dict):
        return {key: inner for value in values for key, inner in value.items()}
    merged: list[Any] = []
    for item in (item for value in values for item in value):
        if item not in merged:
            merged.append(item)
    return merged


def contains(holder: Any, item: Any) -> bool:
    """Members know no case; texts and the elements of lists do."""
    return item.lower() in map(str.lower, holder) if isinstance(holder, dict) else item in holder


def numbered_text(template: str, *values: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: text_of(values[int(match[1])]), template)


# Functions whose arguments are all evaluated first.
PLAIN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "concat": lambda *values: (
        "".join(map(text_of, values)) if isinstance(values[0], str) else sum(values[1:], values[0])
    ),
    "contains": contains,
    "createArray": lambda *values: list(values),
    "createObject": lambda *values: dict(zip(values[::2], values[1::2], strict=True)),
    "div": lambda a, b: a // b,
    "empty": lambda value: value is None or len(value) == 0,
    "endsWith": lambda text, end: text.lower().endswith(end.lower()),
    "equals": lambda a, b: a == b,
    "false": lambda: False,
    "flatten": lambda values: [item for value in values for item in value],
    "format": numbered_text,
    "greater": lambda a, b: a > b,
    "guid": lambda *parts: str(uuid.uuid5(NAMESPACE, "|".join(map(text_of, parts)))),
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "json": json.loads,
    "join": lambda values, between: between.join(values),
    "last": lambda values: values[-1],
    "length": len,
    "less": lambda a, b: a < b,
    "max": max,
    "mod": lambda a, b: a % b,
    "not": lambda value: not value,
    "null": lambda: None,
    "parseCidr": cidr,
    "range": lambda start, count: list(range(start, start + count)),
    "replace": lambda text, old, new: text.replace(old, new),
    "shallowMerge": lambda values: union(*values),
    "startsWith": lambda text, start: text.lower().startswith(start.lower()),
    "split": lambda text, between: text.split(between),
    "substring": lambda text, start, count: text[start : start + count],
    "string": lambda value: json.dumps(value) if isinstance(value, (dict, list)) else text_of(value),
    "take": lambda values, count: values[:count],
    "toLower": str.lower,
    "toUpper": str.upper,
    "trim": str.strip,
    "true": lambda: True,
    "union": union,
    "uniqueString": lambda *parts: digest(*parts)[:13],
}


def evaluate(tree: Any, scope: Any) -> Any:
    """The value of a tree. `scope` has the functions that know the deployment."""
    kind = tree[0]
    if kind in ("text", "number"):
        return tree[1]
    if kind == "member":
        of, key = evaluate(tree[1], scope), evaluate(tree[2], scope)
        try:
            return lookup(of, key)
        except (KeyError, IndexError, TypeError) as problem:
            raise TemplateError("InvalidTemplate", f"`{key}` does not exist in {str(of)[:200]}") from problem
    name, arguments = tree[1], tree[2]

    def value(index: int) -> Any:
        return evaluate(arguments[index], scope)

    def each(index: int, function: int) -> Any:
        """Calls the lambda in argument `function` for every element of argument `index`."""
        *names, body = arguments[function][2]
        names = [evaluate(argument, scope) for argument in names]
        return [
            (item, evaluate(body, scope.with_lambda(dict(zip(names, [item, at], strict=False)))))
            for at, item in enumerate(value(index))
        ]

    if name == "if":
        return value(1) if value(0) else value(2)
    if name == "or":
        return any(value(index) for index in range(len(arguments)))
    if name == "and":
        return all(value(index) for index in range(len(arguments)))
    if name == "coalesce":
        values = (value(index) for index in range(len(arguments)))
        return next((item for item in values if item is not None), None)
    if name == "fail":
        raise TemplateError("InvalidTemplate", value(0))
    if name == "tryGet":
        found = value(0)
        for index in range(1, len(arguments)):
            try:
                found = lookup(found, value(index))
            except (KeyError, IndexError, TypeError):
                return None
        return found
    if name == "filter":
        return [item for item, keep in each(0, 1) if keep]
    if name == "map":
        return [result for _, result in each(0, 1)]
    if name == "toObject":
        keys = each(0, 1)
        values = each(0, 2) if len(arguments) > 2 else keys
        return {key: result for (_, key), (_, result) in zip(keys, values, strict=True)}
    evaluated = [value(index) for index in range(len(arguments))]
    if name in PLAIN:
        return PLAIN[name](*evaluated)
    return scope.call(name, evaluated)
