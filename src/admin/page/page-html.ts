/** The frame of the page; browser/ fills it. Nothing in it depends on the gateway, so that anybody may read it. */
export const PAGE_HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>gatewayd</title>
    <link rel="icon" href="page/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="page/page.css">
    <script type="module" src="page/page.js"></script>
  </head>
  <body>
    <a class="skip" href="#main">Skip to the figures</a>
    <header class="head">
      <div class="who">
        <img src="page/icon.svg" alt="" width="26" height="26">
        <h1>gatewayd</h1>
        <span id="state" class="pill" role="status"></span>
        <span id="facts" class="facts"></span>
      </div>
      <div class="controls">
        <p id="live" class="live connecting">
          <span class="lamp" aria-hidden="true"></span>
          <span id="live-word" role="status">Connecting</span>
          <time id="live-time"></time>
        </p>
        <button id="pause" type="button" aria-pressed="false">Pause</button>
        <fieldset id="theme" class="choice">
          <legend class="visually-hidden">Colours</legend>
          <label><input type="radio" name="theme" value="auto" checked><span>Auto</span></label>
          <label><input type="radio" name="theme" value="light"><span>Light</span></label>
          <label><input type="radio" name="theme" value="dark"><span>Dark</span></label>
        </fieldset>
        <button id="token-button" type="button" hidden>Forget token</button>
      </div>
    </header>
    <p id="notice" class="notice" role="alert" hidden></p>
    <p id="reasons" class="notice" role="alert" hidden></p>
    <noscript><p class="notice">This page needs JavaScript; the same figures are below <a href="swagger-ui/">/api/v1</a>.</p></noscript>
    <main id="main" tabindex="-1">
      <h2 class="visually-hidden">At a glance</h2>
      <dl id="tiles" class="tiles"></dl>

      <section aria-labelledby="charts-title">
        <div class="section-head">
          <h2 id="charts-title">Last minutes</h2>
          <p id="chart-note" class="note"></p>
          <label class="field"><span class="visually-hidden">Block</span>
            <select id="chart-block"><option value="">All blocks</option></select></label>
          <fieldset id="chart-range" class="choice">
            <legend class="visually-hidden">Span of time</legend>
            <label><input type="radio" name="range" value="5" checked><span>5 min</span></label>
            <label><input type="radio" name="range" value="15"><span>15 min</span></label>
          </fieldset>
        </div>
        <div id="charts" class="charts"></div>
      </section>

      <section aria-labelledby="pools-title">
        <div class="section-head">
          <h2 id="pools-title">Pools</h2> <span id="pools-count" class="count"></span>
        </div>
        <ul id="pools" class="cards"></ul>
      </section>

      <section aria-labelledby="waiters-title">
        <div class="section-head">
          <h2 id="waiters-title">Waiting clients</h2> <span id="waiters-count" class="count"></span>
        </div>
        <div id="waiters-table"></div>
      </section>

      <section aria-labelledby="statements-title">
        <div class="section-head">
          <h2 id="statements-title">Statements</h2> <span id="statements-count" class="count"></span>
          <label class="field"><span>Most by</span>
            <select id="statement-order">
              <option value="STATEMENT_ORDER_TOTAL_TIME">total time</option>
              <option value="STATEMENT_ORDER_MEAN_TIME">mean time</option>
              <option value="STATEMENT_ORDER_MAX_TIME">longest time</option>
              <option value="STATEMENT_ORDER_CALLS">calls</option>
              <option value="STATEMENT_ORDER_ROWS">rows</option>
              <option value="STATEMENT_ORDER_ERRORS">errors</option>
            </select></label>
        </div>
        <div id="statements-table"></div>
      </section>

      <section aria-labelledby="sessions-title">
        <div class="section-head">
          <h2 id="sessions-title">Sessions</h2> <span id="sessions-count" class="count"></span>
          <label class="field"><span>Filter</span>
            <input id="session-filter" type="search" autocomplete="off" spellcheck="false"></label>
        </div>
        <div id="sessions-table"></div>
      </section>

      <section aria-labelledby="plugins-title">
        <div class="section-head">
          <h2 id="plugins-title">Plugins</h2> <span id="plugins-count" class="count"></span>
        </div>
        <div id="plugins-table"></div>
        <h3 class="sub">Hook latency</h3>
        <div id="hooks-table"></div>
      </section>
    </main>
    <footer class="foot">
      <a href="swagger-ui/">API</a>
      <a href="openapi.json">OpenAPI</a>
      <a href="healthz?verbose">Health</a>
    </footer>
    <dialog id="sign-in" aria-labelledby="sign-in-title">
      <form id="sign-in-form">
        <h2 id="sign-in-title">This gateway wants to know who asks</h2>
        <p>A token of <code>api.auth.tokens</code> with the role <em>viewer</em> or above. It is kept in this tab until
          the tab is closed, and sent to this gateway alone.</p>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="off" spellcheck="false" required
          aria-describedby="sign-in-error">
        <p id="sign-in-error" class="error" role="alert"></p>
        <button type="submit" class="main">Show the gateway</button>
      </form>
    </dialog>
  </body>
</html>
`;
