/** The files that the page is made of, out of the executable. */
import iconFile from "./icon.svg" with { type: "file" };
import bundleFile from "./made/page.js.txt" with { type: "file" };
import styleFile from "./page.css" with { type: "file" };
import { PAGE_HTML } from "./page-html.ts";

/**
 * Everything comes from the gateway, and nothing is understood as a program but the one file of it: not even the
 * page's own program can make markup of a text (`trusted-types`).
 */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Undefined: it is no file of the page. */
export function pageFile(path: string): Response | undefined {
  switch (path) {
    case "/":
      return file(PAGE_HTML, "text/html;charset=utf-8");
    case "/page/page.js":
      return file(Bun.file(bundleFile), "text/javascript;charset=utf-8");
    case "/page/page.css":
      return file(Bun.file(styleFile), "text/css;charset=utf-8");
    case "/page/icon.svg":
      return file(Bun.file(iconFile), "image/svg+xml");
    default:
      return undefined;
  }
}

function file(content: string | Blob, type: string): Response {
  return new Response(content, {
    headers: {
      "Content-Type": type,
      // After an upgrade the files are others.
      "Cache-Control": "no-cache",
      "Content-Security-Policy": CONTENT_POLICY,
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Resource-Policy": "same-origin",
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
      "X-Frame-Options": "DENY",
    },
  });
}
