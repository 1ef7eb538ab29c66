"""Azure Resource Manager in small: applies a template, nested deployments included, to resources in memory."""

from __future__ import annotations

import copy
from typing import Any

from expressions import TemplateError, digest, evaluate, parse
from parameters import check
from providers import Providers

# What passes between two deployments, in the unit of `Engine`.
BETWEEN_DEPLOYMENTS = 100

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
TENANT = "11111111-1111-1111-1111-111111111111"


class Scope:
    """What an expression can see: one template in one deployment."""

    def __init__(
        self, engine: Engine, template: dict[str, Any], parameters: dict[str, Any], group: str, name: str
    ) -> None:
        self.engine, self.template, self.group, self.name = engine, template, group, name
        self.parameters = parameters
        self.variables: dict[str, Any] = {}
        self.copies: dict[str | None, int] = {}
        self.lambdas: dict[str, Any] = {}
        self.ids: dict[str, Any] = {}

    def with_lambda(self, values: Any) -> Scope:
        inner = copy.copy(self)
        inner.lambdas = {**self.lambdas, **values}
        return inner

    def with_copy(self, name: str, index: int) -> Scope:
        inner = copy.copy(self)
        inner.copies = {**self.copies, None: index, name: index}
        return inner

    def value(self, raw: Any) -> Any:
        """A part of the template with every expression in it evaluated."""
        if isinstance(raw, str):
            if raw.startswith("[[") or not (raw.startswith("[") and raw.endswith("]")):
                return raw[1:] if raw.startswith("[[") else raw
            return evaluate(parse(raw[1:-1]), self)
        if isinstance(raw, list):
            return [self.value(item) for item in raw]
        if isinstance(raw, dict):
            result = {
                self.value(key): self.value(item)
                for key, item in raw.items()
                if key != "copy" or not isinstance(item, list)
            }
            for loop in raw["copy"] if isinstance(raw.get("copy"), list) else []:
                count = self.value(loop["count"])
                result[loop["name"]] = [
                    self.with_copy(loop["name"], at).value(loop["input"]) for at in range(count)
                ]
            return result
        return raw

    def variable(self, name: str) -> Any:
        if name not in self.variables:
            raw = self.template["variables"]
            loops = {loop["name"]: loop for loop in raw.get("copy", [])}
            if name in loops:
                raw = {"copy": [loops[name]]}
                self.variables[name] = self.value(raw)[name]
            else:
                self.variables[name] = self.value(raw[name])
        return self.variables[name]

    def call(self, name: str, arguments: list[Any]) -> Any:
        """The functions that know the deployment."""
        engine = self.engine
        if name == "parameters":
            return self.parameters[arguments[0]]
        if name == "variables":
            return self.variable(arguments[0])
        if name == "lambdaVariables":
            return self.lambdas[arguments[0]]
        if name == "copyIndex":
            return self.copies[arguments[0] if arguments and isinstance(arguments[0], str) else None]
        if name == "environment":
            return engine.providers.cloud
        if name == "tenant":
            return {"tenantId": TENANT}
        if name == "subscription":
            return {
                "subscriptionId": SUBSCRIPTION,
                "id": f"/subscriptions/{SUBSCRIPTION}",
                "tenantId": TENANT,
            }
        if name == "resourceGroup":
            return engine.group(self.group)
        if name == "deployment":
            return {"name": self.name}
        if name == "subscriptionResourceId":
            return f"/subscriptions/{SUBSCRIPTION}/providers/{typed_path(arguments[0], arguments[1:])}"
        if name == "extensionResourceId":
            return f"{arguments[0]}/providers/{typed_path(arguments[1], arguments[2:])}"
        if name == "resourceId":
            group, rest = self.group, arguments
            while "/" not in rest[0]:
                group, rest = rest[0], rest[1:]
            return group_path(group) + "/providers/" + typed_path(rest[0], rest[1:])
        if name == "reference":
            resource = engine.find(self.ids.get(arguments[0], arguments[0]))
            return resource if arguments[2:] == ["full"] else resource["properties"]
        if name == "list":
            return engine.providers.list(arguments[0])
        for functions in self.template.get("functions", []):
            space, _, member = name.partition(".")
            if functions["namespace"] == space and member in functions["members"]:
                function = functions["members"][member]
                inner = copy.copy(self)
                inner.parameters = dict(
                    zip([parameter["name"] for parameter in function["parameters"]], arguments, strict=True)
                )
                return inner.value(function["output"]["value"])
        raise TemplateError("InvalidTemplate", f"the function `{name}` is not known")


def typed_path(kind: str, names: list[str]) -> str:
    """`Microsoft.X/a/b` with two names as `Microsoft.X/a/<name>/b/<name>`."""
    space, *types = kind.split("/")
    if len(types) != len(names):
        raise TemplateError("InvalidTemplate", f"{kind} needs {len(types)} names, not {len(names)}")
    return "/".join([space, *(part for pair in zip(types, names, strict=True) for part in pair)])


def group_path(group: str) -> str:
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"


class Engine:
    """Applies resources one after the other, and reckons when Azure would, which does at the same time whatever does not
    wait for something. The unit is an empty deployment; everything else takes no time that one could count on."""

    def __init__(self, cloud: str) -> None:
        self.providers = Providers(cloud, SUBSCRIPTION, TENANT)
        self.groups: dict[str, dict[str, Any]] = {}
        self.backwards = False
        # The ids that each deployment under way has made, the innermost last; and those of the last one that ended.
        self.making: list[list[str]] = []
        self.made: list[str] = []
        # When the next deployment begins.
        self.begin = 0

    def group(self, name: str) -> Any:
        for known, group in self.groups.items():
            if known.lower() == name.lower():
                return group
        raise TemplateError("ResourceGroupNotFound", f"Resource group '{name}' could not be found.")

    def find(self, identifier: str) -> Any:
        resource = self.providers.resources.get(identifier.lower())
        if resource is None:
            raise TemplateError("ResourceNotFound", f"The Resource '{identifier}' was not found.")
        return resource

    def checked(self, template: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a deployment, or what Azure says of the first that will not do."""
        declared = template.get("parameters", {})
        for name in given:
            if name not in declared:
                raise TemplateError("InvalidTemplate", f"The template has no parameter '{name}'.")
        values = {}
        for name, rule in declared.items():
            if "value" in given.get(name, {}):
                value = given[name]["value"]
            elif name in given:
                # `az` sends a parameter that was given as null without a value.
                raise TemplateError(
                    "InvalidTemplate", f"The value for the template parameter '{name}' is not provided."
                )
            elif "defaultValue" in rule:
                continue
            else:
                raise TemplateError(
                    "InvalidTemplate", f"The value for the template parameter '{name}' is not provided."
                )
            check(name, value, rule, template.get("definitions", {}))
            values[name] = value
        return values

    def deploy(
        self, template: dict[str, Any], given: dict[str, Any], group: str, name: str
    ) -> dict[str, Any]:
        """Applies a template and gives back its outputs."""
        try:
            outputs, self.begin = self.run(template, given, group, name, self.begin)
        finally:
            # Whoever deploys again needs a while.
            self.begin = max(self.begin, self.providers.now) + BETWEEN_DEPLOYMENTS
        return outputs

    def run(
        self, template: dict[str, Any], given: dict[str, Any], group: str, name: str, begin: int
    ) -> tuple[dict[str, Any], int]:
        """The outputs of a template that is applied from `begin` on, and when that is done."""
        scope = Scope(self, template, self.checked(template, given), group, name)
        self.making.append([])
        try:
            return self.applied(scope, template, begin)
        finally:
            self.made = self.making.pop()

    def applied(self, scope: Scope, template: dict[str, Any], begin: int) -> tuple[dict[str, Any], int]:
        """What `run` does, in the scope of its template."""
        for parameter, rule in template.get("parameters", {}).items():
            if parameter not in scope.parameters:
                scope.parameters[parameter] = scope.value(rule["defaultValue"])
        # Azure evaluates variables before it deploys anything; those that need a resource are not variables.
        for variable in template.get("variables", {}):
            if variable != "copy" and "reference(" not in str(template["variables"][variable]):
                scope.variable(variable)
        resources = template.get("resources", {})
        if isinstance(resources, list):
            resources = {str(index): resource for index, resource in enumerate(resources)}
        for symbol, resource in resources.items():
            if "copy" not in resource:
                scope.ids[symbol] = self.identify(scope, resource)
        by_id = {identifier.lower(): symbol for symbol, identifier in scope.ids.items()}
        skipped = {
            symbol
            for symbol, resource in resources.items()
            if "copy" not in resource and not scope.value(resource.get("condition", True))
        }

        def before(symbol: str) -> Any:
            """What a resource says it depends on: symbols, or in the older form resource ids. What its condition leaves out
            is nothing to wait for, nor is what that would have waited for.
            https://learn.microsoft.com/azure/azure-resource-manager/templates/resource-dependency"""
            for name in resources[symbol].get("dependsOn", []):
                known = by_id.get(scope.value(name).lower()) if name.startswith("[") else name
                if known not in skipped:
                    yield known

        done: dict[str, int] = {}
        problems: list[TemplateError] = []
        for symbol in in_order(resources, before, self.backwards):
            waits = [name for name in before(symbol) if name in resources]
            # What does not wait for a failure goes on, as it would have been under way already.
            if all(name in done for name in waits):
                try:
                    done[symbol] = self.apply(
                        scope, resources[symbol], max([done[name] for name in waits], default=begin)
                    )
                except TemplateError as problem:
                    problems.append(problem)
        if problems:
            raise problems[0]
        outputs = {
            key: {"type": output["type"], "value": scope.value(output["value"])}
            for key, output in template.get("outputs", {}).items()
        }
        return outputs, max(done.values(), default=begin)

    def identify(self, scope: Scope, resource: dict[str, Any]) -> Any:
        name = scope.value(resource["name"])
        path = typed_path(resource["type"], name.split("/"))
        if "scope" in resource:
            base = scope.value(resource["scope"])
            if not base.startswith("/"):
                # Relative to the resource group of the deployment.
                base = group_path(scope.group) + "/providers/" + base
            return f"{base}/providers/{path}"
        group = scope.value(resource.get("resourceGroup", scope.group))
        return f"{group_path(group)}/providers/{path}"

    def apply(self, scope: Scope, resource: dict[str, Any], start: Any) -> Any:
        """Applies a resource that has nothing to wait for from `start` on; when it is done."""
        if resource.get("existing"):
            return start
        loop = resource.get("copy")
        if loop:
            ends = [start]
            for index in range(scope.value(loop["count"])):
                one = {key: value for key, value in resource.items() if key != "copy"}
                ends.append(
                    self.apply(
                        scope.with_copy(loop["name"], index),
                        one,
                        ends[-1] if loop.get("mode") == "serial" else start,
                    )
                )
            return max(ends)
        if not scope.value(resource.get("condition", True)):
            return start
        identifier = self.identify(scope, resource)
        if resource["type"].lower() == "microsoft.resources/deployments":
            return self.nest(scope, resource, identifier, start)
        if (
            "onlyIfNotExists" in resource.get("@options", {})
            and identifier.lower() in self.providers.resources
        ):
            return start
        body = {
            key: scope.value(value)
            for key, value in resource.items()
            if key not in ("dependsOn", "condition", "scope", "@options")
        }
        self.providers.now = start
        self.providers.put(identifier, body)
        self.making[-1].append(identifier)
        return start

    def nest(self, scope: Scope, resource: dict[str, Any], identifier: str, start: Any) -> Any:
        properties = resource["properties"]
        group = scope.value(resource.get("resourceGroup", scope.group))
        self.group(group)
        given = {key: scope.value(item) for key, item in properties.get("parameters", {}).items()}
        outputs, end = self.run(properties["template"], given, group, identifier.rsplit("/", 1)[1], start)
        self.providers.puts.append(identifier)
        self.making[-1].append(identifier)
        self.providers.resources[identifier.lower()] = {
            "id": identifier,
            "type": "Microsoft.Resources/deployments",
            "properties": succeeded(outputs, self.made),
        }
        return end + 1


def succeeded(outputs: dict[str, Any], made: list[str]) -> dict[str, Any]:
    """The properties of a deployment that has ended well: what it made itself is told, what those within it made is not."""
    return {
        "provisioningState": "Succeeded",
        "timestamp": "2026-11-24T00:00:00Z",
        "outputs": outputs,
        "outputResources": [{"id": identifier} for identifier in made],
    }


def in_order(resources: Any, before: Any, backwards: bool) -> list[str]:
    """The symbols so that what a resource depends on comes first. Azure promises no other order, so the tests deploy in
    two that are as different as can be, and find the dependency that nobody declared."""
    done: list[str] = []
    visiting: list[str] = []

    def visit(symbol: str) -> None:
        if symbol in done or symbol not in resources:
            return
        if symbol in visiting:
            raise TemplateError("InvalidTemplate", f"circular dependency: {visiting}")
        visiting.append(symbol)
        for name in before(symbol):
            visit(name)
        visiting.remove(symbol)
        done.append(symbol)

    for symbol in sorted(resources, reverse=backwards):
        visit(symbol)
    return done


def what_if(
    engine: Engine, template: dict[str, Any], parameters: dict[str, Any], group: str, name: str
) -> list[dict[str, Any]]:
    """What a deployment would change, found by deploying to a copy."""
    before = copy.deepcopy(engine.providers.resources)
    trial = Engine(engine.providers.cloud["name"])
    trial.groups, trial.begin = engine.groups, engine.begin
    trial.providers.__dict__.update(copy.deepcopy(engine.providers.__dict__))
    trial.providers.predicts = True
    trial.deploy(template, parameters, group, name)
    changes = []
    for key, after in trial.providers.resources.items():
        if after["type"] == "Microsoft.Resources/deployments":
            continue
        old = before.get(key)
        kind = "Create" if old is None else "NoChange" if digest(old) == digest(after) else "Modify"
        change = {"resourceId": after["id"], "changeType": kind, "after": after}
        changes.append(change if old is None else {**change, "before": old, "delta": []})
    return changes
