/** Files that are put into the executable: each import is a path to read from. */
declare module "*.css" {
  const path: string;
  export default path;
}

declare module "*.svg" {
  const path: string;
  export default path;
}
