/**
 * Makes a value when it is asked for first, and keeps it. For packages that take a while to load, and are of
 * use to those only who have policies or rules: they are loaded by `require`, as nothing here may wait.
 */
export function lazily<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
