// Checks KQL with Microsoft's own analyzer, against tables and functions that the caller declares.
//
// Standard input, JSON: {"workspaces": [{"tables": [{"name", "columns": [{"name", "type"}]}],
//   "functions": [{"name", "parameters": [{"name", "type", "default"?}], "body"}], "texts": [{"id", "query"}],
//   "only": [id]?}]}.
// Every body of a function is checked too, as a text with the id `function:NAME`; with `only`, nothing else is checked.
// Standard output, JSON: for each workspace an object by id of {"diagnostics": [{"line", "column", "severity", "code",
//   "message"}], "columns": [{"name", "type"}] or null when the result is no table, "calls": [{"name", "arguments", "line"}]}.
// Lines and columns are those of the text, from 1. Codes beginning with `KS` are the analyzer's, with `HB` ours.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const PACKAGE = new URL("../../../target/tools/node_modules/@kusto/language-service-next/", import.meta.url);

/** Defines the globals `Bridge`, `System` and `Kusto`; the package is a script, not a module. */
function load() {
  for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
    const file = fileURLToPath(new URL(name, PACKAGE));
    vm.runInThisContext(readFileSync(file, "utf8"), { filename: name });
  }
}

/** The name as KQL writes it: `["a-b"]` for what is no identifier. @param {string} name */
const quoted = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : `["${name}"]`);

/** @type {Record<string, string>} */
const NULLS = { string: '""', dynamic: "dynamic(null)" };

/**
 * What a parameter is while the body is checked by itself: its default, else an empty value of its type.
 * @param {KqlParameter} parameter
 */
const value = ({ type, default: text }) => text ?? NULLS[type] ?? `${type}(null)`;

/** @param {KqlParameter} parameter */
const declaration = (parameter) =>
  `${parameter.name}:${parameter.type}${parameter.default === undefined ? "" : `=${parameter.default}`}`;

const tables = new Map();

/** The table, made once for all workspaces that have it. @param {KqlTable} table */
function table({ name, columns }) {
  const key = `${name}(${columns.map((column) => `${quoted(column.name)}:${column.type}`).join(", ")})`;
  if (!tables.has(key)) {
    tables.set(key, Kusto.Language.Symbols.TableSymbol.From(key.slice(name.length)).WithName(name));
  }
  return tables.get(key);
}

/** @param {Workspace} workspace */
function globals(workspace) {
  const { Symbols, GlobalState } = Kusto.Language;
  const functions = workspace.functions.map(({ name, parameters, body }) =>
    new Symbols.FunctionSymbol.$ctor16(name, `(${parameters.map(declaration).join(", ")})`, `{ ${body}\n}`, null));
  const database = new Symbols.DatabaseSymbol.ctor("workspace", [...workspace.tables.map(table), ...functions]);
  // With a cache, calls that are alike expand a function once.
  return GlobalState.Default.WithDatabase(database).WithCache();
}

/** Line and column of an offset, from 1. @param {string} text @param {number} offset */
function position(text, offset) {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

/** @param {string} type */
const isNumber = (type) => ["int", "long", "real", "decimal"].includes(type);

const SCALARS = ["string", "int", "long", "real", "decimal", "bool", "datetime", "timespan", "dynamic", "guid"];

/**
 * A value of type `from` may stand where `to` is wanted: only between scalars can one say no.
 * @param {string} from
 * @param {string} to
 */
const fits = (from, to) =>
  from === to || !SCALARS.includes(from) || !SCALARS.includes(to) ||
  (isNumber(from) && isNumber(to) && (from !== "real" || to === "real"));

/** What stands in a list of the analyzer, without the comma behind it. @param {any} item @returns {any} */
const element = (item) => item.Element$1 ?? item.Element;

/** The functions that the text itself declares with `let`. @param {any} code @returns {[string, KqlFunction][]} */
function local(code) {
  const { LetStatement, FunctionDeclaration } = Kusto.Language.Syntax;
  const lets = Bridge.toArray(code.Syntax.GetDescendantsOrSelf(LetStatement, null));
  return lets.filter((/** @type {any} */ let_) => Bridge.is(let_.Expression, FunctionDeclaration)).map((/** @type {any} */ let_) => {
    const name = let_.Name.SimpleName;
    const parameters = Bridge.toArray(let_.Expression.Parameters.Parameters).map((/** @type {any} */ item) => {
      const parameter = element(item).NameAndType;
      return { name: parameter.Name.SimpleName, type: parameter.Type.toString().trim() };
    });
    return [name, { name, parameters }];
  });
}

/**
 * The calls of declared functions, with complaints about the types of their arguments: the analyzer knows how many
 * arguments a function takes, and not which types it wants.
 * @param {any} code @param {Map<string, KqlFunction>} functions
 */
function calls(code, functions) {
  const { FunctionCallExpression, SimpleNamedExpression } = Kusto.Language.Syntax;
  const declared = new Map([...functions, ...local(code)]);
  const found = [];
  /** @type {Complaint[]} */
  const complaints = [];
  for (const node of Bridge.toArray(code.Syntax.GetDescendantsOrSelf(FunctionCallExpression, null))) {
    const name = node.Name.SimpleName;
    const target = declared.get(name);
    if (!target) continue;
    const list = Bridge.toArray(node.ArgumentList.Expressions).map(element);
    found.push({ name, arguments: list.map((/** @type {any} */ argument) => argument.toString().trim()), start: node.TextStart });
    list.forEach((/** @type {any} */ argument, /** @type {number} */ index) => {
      const isNamed = Bridge.is(argument, SimpleNamedExpression);
      const wanted = isNamed ? argument.Name.SimpleName : target.parameters[index]?.name;
      const parameter = target.parameters.find((candidate) => candidate.name === wanted);
      const type = (isNamed ? argument.Expression : argument).ResultType?.Name ?? "unknown";
      if (parameter && !fits(type, parameter.type)) {
        const message = `${name}: ${wanted} wants ${parameter.type}, not ${type}`;
        complaints.push({ severity: "Error", code: "HB001", message, start: argument.TextStart });
      }
    });
  }
  return { found, complaints };
}

/** Operators that compare values; those of texts alone, like `has`, are the analyzer's to judge. */
const COMPARISONS = ["==", "!=", "<>", "<", "<=", ">", ">=", "in", "!in"];

/** What a union adds to the name of a column that has several types. */
const SPLIT = /^(.+)_(?:bool|datetime|decimal|dynamic|guid|int|long|real|string|timespan)$/;

/**
 * What only Azure minds: isnull() of a text, which is false there, comparisons of a number with a text, which the
 * analyzer lets pass, and unions of a column of two types, which become two columns there and stay one in the engine.
 * @param {any} code @returns {Complaint[]}
 */
function gaps(code) {
  const { FunctionCallExpression, BinaryExpression, InExpression, UnionOperator } = Kusto.Language.Syntax;
  const nodes = (/** @type {any} */ kind) => Bridge.toArray(code.Syntax.GetDescendantsOrSelf(kind, null));
  const type = (/** @type {any} */ node) => node?.ResultType?.Name ?? "unknown";
  const complaint = (/** @type {string} */ id, /** @type {string} */ message, /** @type {any} */ node) => ({ severity: "Error", code: id, message, start: node.TextStart });
  const found = [];
  for (const node of nodes(FunctionCallExpression)) {
    const [first] = Bridge.toArray(node.ArgumentList.Expressions).map(element);
    if (["isnull", "isnotnull"].includes(node.Name.SimpleName) && type(first) === "string") {
      found.push(complaint("HB003", `${node.Name.SimpleName}() of a string: a string is never null`, node));
    }
  }
  const pairs = [
    ...nodes(BinaryExpression).map((/** @type {any} */ node) => [node, node.Left, [node.Right]]),
    ...nodes(InExpression).map((/** @type {any} */ node) =>
      [node, node.Left, Bridge.toArray(node.Right.Expressions).map(element)]),
  ];
  for (const [node, left, rights] of pairs) {
    for (const right of COMPARISONS.includes(node.Operator?.Text) ? rights : []) {
      const [a, b] = [type(left), type(right)];
      if ((isNumber(a) && b === "string") || (a === "string" && isNumber(b))) {
        found.push(complaint("HB004", `a comparison of ${a} with ${b}`, node));
      }
    }
  }
  for (const node of nodes(UnionOperator)) {
    /** @type {string[]} */
    const stems = Bridge.toArray(node.ResultType?.Columns ?? []).map((/** @type {any} */ column) => SPLIT.exec(column.Name)?.[1]).filter(Boolean);
    const split = stems.filter((stem, at) => stems.indexOf(stem) !== at);
    if (split.length > 0) {
      found.push(complaint("HB005", `a union of ${split.join(", ")} of several types`, node));
    }
  }
  return found;
}

/**
 * Checks one text; `prefix` goes before it, and what is found in there is ours.
 * @param {any} state
 * @param {Map<string, KqlFunction>} declared
 * @param {string} query
 */
function check(state, declared, query, prefix = "") {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(prefix + query, state);
  const place = (/** @type {number} */ start) => position(query, Math.max(0, start - prefix.length));
  const { found, complaints } = calls(code, declared);
  const diagnostics = Bridge.toArray(code.GetDiagnostics()).map((/** @type {any} */ d) =>
    ({ severity: d.Severity, code: d.Code, message: d.Message, start: d.Start }));
  const isTable = code.ResultType?.Columns !== undefined;
  return {
    diagnostics: [...diagnostics, ...complaints, ...gaps(code)].map(({ start, ...rest }) => ({ ...place(start), ...rest })),
    columns: isTable ? Bridge.toArray(code.ResultType.Columns).map((/** @type {any} */ c) => ({ name: c.Name, type: c.Type.Name })) : null,
    calls: found.map(({ start, ...rest }) => ({ ...rest, line: place(start).line })),
  };
}

/** @param {Workspace} workspace */
function analyze(workspace) {
  const state = globals(workspace);
  const declared = new Map(workspace.functions.map((declared) => [declared.name, declared]));
  const isWanted = (/** @type {string} */ id) => workspace.only?.includes(id) ?? true;
  /** @type {Record<string, ReturnType<typeof check>>} */
  const results = {};
  for (const { name, parameters, body } of workspace.functions) {
    const prefix = parameters.map((parameter) => `let ${parameter.name} = ${value(parameter)}; `).join("");
    const id = `function:${name}`;
    if (isWanted(id)) results[id] = check(state, declared, body, prefix);
  }
  for (const { id, query } of workspace.texts) {
    if (isWanted(id)) results[id] = check(state, declared, query);
  }
  return results;
}

try {
  load();
  const input = JSON.parse(readFileSync(0, "utf8"));
  process.stdout.write(JSON.stringify(input.workspaces.map(analyze)) + "\n");
} catch (error) {
  // Without this, Node.js prints the line of the package where it happened: megabytes of minified script.
  const text = (error instanceof Error ? [error.message, error.stack] : [error]).map((part) => String(part ?? "").slice(0, 2000)).join("\n");
  process.stderr.write(`analyzer.mjs: ${text || String(error)}\n`);
  process.exitCode = 1;
}
