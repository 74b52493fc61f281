/**
 * Door to `fast-string-width`: the columns that text takes up on a terminal, colour codes left out.
 * It stands in for std's `unicodeWidth`, whose data table the package of std lacks.
 */

export { default as unicodeWidth } from "npm:fast-string-width@3.0.2";
