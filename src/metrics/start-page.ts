/** What is served at `/`: where the metrics are. */
export function startPage(paths: readonly string[]): string {
  const links = paths.map((path) => `<li><a href="${escaped(path)}">${escaped(path)}</a></li>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>gatewayd: metrics</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem }</style>
</head>
<body>
<h1>gatewayd</h1>
<p>The metrics of this gateway, for Prometheus and whatever else reads its format:</p>
<ul>
${links.join("\n")}
</ul>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
