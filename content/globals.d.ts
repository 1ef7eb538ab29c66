// What scripts of others define, and what the preview's scripts and their tests hand to each other.

/** Microsoft's analyzer of KQL and its base, which bring no types. */
declare const Bridge: any;
declare const Kusto: any;
/** The charts of the preview. */
declare const Plotly: any;

/** A page of the browser. */
type Page = import("../target/tools/node_modules/playwright-core").Page;
/** Takes what is wrong. */
type Fault = (text: string) => unknown;

/** What a cell of a row holds: anything that JSON can. */
type Cell = any;
/** A row by the names of its columns. */
type Row = Record<string, Cell>;
/** The name and the kind of a column; the kinds are those of KQL. */
type Column = [name: string, kind: string];
type Kinds = Record<string, string>;
/** The rows of a query; of one that failed there is the error alone. */
interface Result {
  columns: Column[];
  rows: Cell[][];
  error?: string;
}

/** The value of a parameter: a text, several, or a range of time. */
type Value = any;
/** The values of all parameters, by name. */
type Values = Map<string, Value>;
/** Parameters with the values that they are given. */
type Changes = [name: string, value: Value][];
/** A range of time: its length up to now, or its ends, then with the days that are marked. */
interface Range {
  durationMs?: number;
  startTime?: string;
  endTime?: string;
  days?: string[];
}

/** The parts of a workbook have no published types: members are what the portal writes. */
type Content = Record<string, any>;
type Parameter = Record<string, any>;
interface Condition {
  parameterName: string;
  comparison: string;
  value?: string;
}
interface Item {
  type: number;
  name: string;
  content: Content;
  customWidth?: string;
  conditionalVisibility?: Condition;
  conditionalVisibilities?: Condition[];
}
/** Anything that is shown under conditions. */
type Conditional = Pick<Item, "conditionalVisibility" | "conditionalVisibilities">;
/** What a parameter offers, and whether it is chosen. */
interface Offer {
  value: Value;
  label: string;
  on: boolean;
}

/** What the page needs to find the rows of an item itself: see views.py. */
interface View {
  result: number;
  members: Record<string, Record<string, number[]>>;
  fixed: Record<string, string>;
  take: number | null;
  brush: { name: string; column: string } | null;
}

/** How a number or a threshold is shown. */
type Format = Record<string, any> | undefined;
/** What somebody did to an item: sorting, searching, the row that is chosen. */
interface State {
  sort?: { column: string; down: boolean };
  search?: string;
  chosen?: number;
}
/** A series of a chart, with its points. */
interface Points {
  key: string;
  x: Cell[];
  y: Cell[];
}
interface Series extends Points {
  label: string;
  color: string;
}

/** What analyzer.mjs is given, and what it finds. */
interface KqlParameter {
  name: string;
  type: string;
  default?: string;
}
interface KqlFunction {
  name: string;
  parameters: KqlParameter[];
}
interface KqlTable {
  name: string;
  columns: { name: string; type: string }[];
}
interface Workspace {
  tables: KqlTable[];
  functions: (KqlFunction & { body: string })[];
  texts: { id: string; query: string }[];
  only?: string[];
}
interface Complaint {
  severity: string;
  code: string;
  message: string;
  start: number;
}
