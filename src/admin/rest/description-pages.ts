/** The pages that tell programs and people how to call the API. */
import cssFile from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import bundleFile from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import descriptionFile from "../gen/openapi.json.txt" with { type: "file" };

/** Nothing is loaded from anywhere else, and no other page may frame it. */
const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

const SWAGGER_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>gatewayd admin API</title>
    <link rel="icon" href="../page/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="swagger-ui-bundle.js"></script>
    <script src="start.js"></script>
  </body>
</html>
`;

const START_SCRIPT = `SwaggerUIBundle({ url: "../openapi.json", dom_id: "#swagger-ui", validatorUrl: null });
`;

/** Undefined: it is another page. */
export function descriptionPage(path: string): Response | undefined {
  switch (path) {
    case "/openapi.json":
    case "/swagger.json":
      return page(Bun.file(descriptionFile), "application/json");
    case "/swagger-ui":
      return new Response(null, { status: 308, headers: { Location: "/swagger-ui/" } });
    case "/swagger-ui/":
      return page(SWAGGER_PAGE, "text/html;charset=utf-8");
    case "/swagger-ui/start.js":
      return page(START_SCRIPT, "text/javascript;charset=utf-8");
    case "/swagger-ui/swagger-ui.css":
      return page(Bun.file(cssFile), "text/css;charset=utf-8");
    case "/swagger-ui/swagger-ui-bundle.js":
      return page(Bun.file(bundleFile), "text/javascript;charset=utf-8");
    default:
      return undefined;
  }
}

function page(content: string | Blob, type: string): Response {
  return new Response(content, {
    headers: {
      "Content-Type": type,
      // After an upgrade the files are others.
      "Cache-Control": "no-cache",
      "Content-Security-Policy": CONTENT_POLICY,
    },
  });
}
