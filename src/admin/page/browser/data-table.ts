/**
 * A table whose rows come again and again. Rows that stay are kept, so that what is selected, open or focused in
 * them stays as well. Headings are buttons: they put the rows in order.
 */
import { element, setAttributes, setText } from "./element.ts";
import { inOrder } from "./order.ts";
import type { Direction, SortValue } from "./order.ts";

export interface Column<Row> {
  readonly title: string;
  /** What it means, where the title does not tell. */
  readonly hint?: string;
  /** `number`: at the right. `minor`: left out where there is little room. */
  readonly kind?: "number" | "minor" | "wide";
  readonly valueOf: (row: Row) => SortValue;
  /** Default: the value. */
  readonly textOf?: (row: Row) => string;
  /** Instead of a text. */
  readonly fill?: (cell: HTMLElement, row: Row) => void;
}

export interface TableOptions<Row> {
  /** For readers who do not see where it stands. */
  readonly caption: string;
  readonly keyOf: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
  /** The column that the rows are put in order by at first; default: as they come. */
  readonly sortBy?: { readonly title: string; readonly direction: Direction };
}

export class DataTable<Row> {
  /** Scrolls by itself where it is wider than the page. */
  readonly element: HTMLElement;
  readonly #options: TableOptions<Row>;
  readonly #body = element("tbody");
  readonly #empty = element("p", { class: "empty" });
  readonly #headings = new Map<Column<Row>, HTMLElement>();
  readonly #shown = new Map<string, HTMLTableRowElement>();
  #rows: readonly Row[] = [];
  #sorted: { column: Column<Row>; direction: Direction } | undefined;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    const { caption, columns, sortBy } = options;
    const column = columns.find(({ title }) => title === sortBy?.title);
    if (column !== undefined && sortBy !== undefined) {
      this.#sorted = { column, direction: sortBy.direction };
    }
    const table = element(
      "table",
      {},
      element("caption", { class: "visually-hidden" }, caption),
      element("thead", {}, element("tr", {}, ...columns.map((one) => this.#heading(one)))),
      this.#body,
    );
    const scroll = {
      class: "scroll",
      tabindex: 0,
      role: "group",
      "aria-label": `${caption}, rows`,
    };
    this.element = element("div", { class: "table" }, element("div", scroll, table), this.#empty);
    this.#tellOrder();
  }

  /** @param whenEmpty what is said when there are none */
  show(rows: readonly Row[], whenEmpty: string): void {
    this.#rows = rows;
    setText(this.#empty, whenEmpty);
    this.#empty.hidden = rows.length > 0;
    this.#update();
  }

  #heading(column: Column<Row>): HTMLElement {
    const { title, hint, kind } = column;
    const button = element("button", { type: "button", title: hint }, title);
    const heading = element("th", { scope: "col", class: kind }, button);
    button.addEventListener("click", () => this.#sortBy(column));
    this.#headings.set(column, heading);
    return heading;
  }

  #sortBy(column: Column<Row>): void {
    const first = column.kind === "number" ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const isSecond = this.#sorted?.column === column && this.#sorted.direction === first;
    this.#sorted = { column, direction: isSecond ? second : first };
    this.#tellOrder();
    this.#update();
  }

  #tellOrder(): void {
    for (const [column, heading] of this.#headings) {
      const direction = this.#sorted?.column === column ? this.#sorted.direction : undefined;
      setAttributes(heading, { "aria-sort": direction });
    }
  }

  #update(): void {
    const sorted = this.#sorted;
    const rows =
      sorted === undefined
        ? this.#rows
        : inOrder(this.#rows, sorted.column.valueOf, sorted.direction);
    const focused = document.activeElement;
    const left = new Set(this.#shown.keys());
    for (const [index, row] of rows.entries()) {
      const key = this.#options.keyOf(row);
      left.delete(key);
      const line = this.#lineOf(key);
      this.#fill(line, row);
      const there = this.#body.children[index];
      if (there !== line) this.#body.insertBefore(line, there ?? null);
    }
    for (const key of left) {
      this.#shown.get(key)?.remove();
      this.#shown.delete(key);
    }
    // Whoever is moved loses the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement) {
      if (this.#body.contains(focused)) focused.focus({ preventScroll: true });
    }
  }

  #lineOf(key: string): HTMLTableRowElement {
    const known = this.#shown.get(key);
    if (known !== undefined) return known;
    const cells = this.#options.columns.map(({ kind }) => element("td", { class: kind }));
    const line = element("tr", {}, ...cells);
    this.#shown.set(key, line);
    return line;
  }

  #fill(line: HTMLTableRowElement, row: Row): void {
    for (const [index, { valueOf, textOf, fill }] of this.#options.columns.entries()) {
      const cell = line.cells[index];
      if (cell === undefined) continue;
      if (fill !== undefined) fill(cell, row);
      else setText(cell, textOf === undefined ? String(valueOf(row) ?? "") : textOf(row));
    }
  }
}
