/**
 * A list as Postgres writes an array (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO), to be cast where it is used:
 * `${arrayLiteral(ids)}::text[]`. The driver's own arrays need types that it would have to ask the server for first.
 */

export type ArrayElement = string | number | null;

/** Texts are quoted, whatever they are: then they cannot be taken for NULL, or for more than one element. */
export function arrayLiteral(elements: readonly ArrayElement[]): string {
  return `{${elements.map(elementLiteral).join(",")}}`;
}

function elementLiteral(element: ArrayElement): string {
  if (element === null) return "NULL";
  return typeof element === "number" ? String(element) : `"${element.replaceAll(/["\\]/g, "\\$&")}"`;
}
