/** Put in by the build: the name of a built file; the lines of icons by their names, of those that scripts name and of all. */
declare const DIGESTER_NAME: string;
declare module "icons:scripts" {
  const lines: Partial<Record<string, string>>;
  export default lines;
}
declare module "icons:all" {
  const lines: Partial<Record<string, string>>;
  export default lines;
}
