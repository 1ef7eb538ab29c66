"""Whether a parameter is what the template declares."""

from __future__ import annotations

from typing import Any

from expressions import TemplateError


def check(name: str, value: Any, rule: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Refuses a value that is not of the type that the template declares, down to the members of its parts."""
    rule = {**definitions.get(rule.get("$ref", "").removeprefix("#/definitions/"), {}), **rule}
    if value is None and rule.get("nullable"):
        return
    kinds: dict[str, type[Any]] = {
        "string": str,
        "securestring": str,
        "int": int,
        "bool": bool,
        "array": list,
        "object": dict,
    }
    kind: type[Any] = kinds.get(rule.get("type", "object").lower(), object)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TemplateError(
            "InvalidTemplate",
            f"The value of the template parameter '{name}' is not of the type {rule['type']}.",
        )
    size = value if isinstance(value, int) else len(value)
    below = size < rule.get("minValue", rule.get("minLength", size))
    above = size > rule.get("maxValue", rule.get("maxLength", size))
    if below or above or value not in rule.get("allowedValues", [value]):
        raise TemplateError(
            "InvalidTemplate", f"The value of the template parameter '{name}' is not allowed: {value}."
        )
    if kind is list and "items" in rule:
        for index, item in enumerate(value):
            check(f"{name}[{index}]", item, rule["items"], definitions)
    members = rule.get("properties", {})
    if kind is dict and members:
        for member, inner in members.items():
            check(f"{name}.{member}", value.get(member), inner, definitions)
        unknown = set(value) - set(members)
        if unknown and rule.get("additionalProperties") is False:
            raise TemplateError(
                "InvalidTemplate", f"The template parameter '{name}' has no member {sorted(unknown)}."
            )
