declare module "*.txt" {
  /** The text of the file. */
  const text: string;
  export default text;
}

declare module "*.tmpl" {
  /** The text of the file. */
  const text: string;
  export default text;
}

declare module "*.py" {
  /** The text of the file. */
  const text: string;
  export default text;
}

declare module "*/LICENSE" {
  /** The text of the file. */
  const text: string;
  export default text;
}
