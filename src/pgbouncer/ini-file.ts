/**
 * The form of pgbouncer.ini: sections of `key = value`, comments on lines of their own, `%include`
 * (https://www.pgbouncer.org/config.html).
 */

/** Where something is written. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** One `key = value`. */
export interface IniEntry extends Place {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

/** Something for the person who imports. */
export interface ImportNote extends Place {
  readonly message: string;
}

/** Entries in order, and what could not be read. */
export interface IniFile {
  readonly entries: readonly IniEntry[];
  readonly notes: readonly ImportNote[];
}

/** Includes that include: as deep as PgBouncer goes. */
const MAX_DEPTH = 10;

/** A key that is a name in double quotes, or a word, or the `*`. */
const ENTRY = /^(?:"((?:[^"]|"")*)"|([^\s="]+))\s*=\s*(.*)$/;

/**
 * Reads a file and those it includes.
 *
 * @param read gives the text of a file, or throws
 * @throws what `read` throws for the file itself; one that is included and cannot be read is a note
 */
export function readIniFile(path: string, read: (path: string) => string): IniFile {
  const entries: IniEntry[] = [];
  const notes: ImportNote[] = [];
  let section = "";
  const visit = (file: string, text: string, depth: number): void => {
    for (const [index, written] of text.split(/\r?\n/).entries()) {
      const line = written.trim();
      const place = { file, line: index + 1 };
      if (line === "" || line.startsWith(";") || line.startsWith("#")) continue;
      const included = /^%include\s+(.+)$/.exec(line)?.[1];
      const heading = /^\[(.*)\]$/.exec(line)?.[1];
      const [, quoted, word, value] = ENTRY.exec(line) ?? [];
      if (included !== undefined) include(included, place, depth);
      else if (heading !== undefined) section = heading.trim();
      else if (value !== undefined) {
        const key = quoted?.replaceAll('""', '"') ?? word ?? "";
        entries.push({ ...place, section, key, value: value.trim() });
      } else notes.push({ ...place, message: `is neither a section nor key = value: ${line}` });
    }
  };
  const include = (name: string, place: Place, depth: number): void => {
    if (depth === MAX_DEPTH) {
      notes.push({ ...place, message: `%include ${name}: too many files include each other` });
      return;
    }
    try {
      visit(name, read(name), depth + 1);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      notes.push({ ...place, message: `%include ${name}: ${reason}` });
    }
  };
  visit(path, read(path), 0);
  return { entries, notes };
}
