/** A page that needs nothing else: no scripts, nothing from elsewhere, which it says itself by a content security policy. */

import { escaped } from "./escape.ts";
import { REPORT_CSS } from "./report_css.ts";

/**
 * A whole HTML document, light and dark, fit for paper.
 *
 * @param title is escaped here.
 * @param body HTML, every text of others in it escaped already.
 * @param css more style, after that of all reports.
 */
export function page(title: string, body: string, css = ""): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${REPORT_CSS}${css}</style>
</head>
<body>
${body}
</body>
</html>
`;
}
