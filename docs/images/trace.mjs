// Makes the picture of a trace in docs/LOGS.md: opens /debug/trace of a running inferd in speedscope, in a headless chromium.
//
//   npm install --no-save speedscope@1.25.0 puppeteer-core
//   node docs/images/trace.mjs http://127.0.0.1:9464 docs/images/trace.png
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [inferd, picture] = process.argv.slice(2);
const trace = Buffer.from(await (await fetch(`${inferd}/debug/trace?seconds=60`)).arrayBuffer());
const viewer = path.join(process.cwd(), 'node_modules/speedscope/dist/release');
const types = {'.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css'};
const server = http.createServer((request, response) => {
  const name = path.basename(new URL(request.url, 'http://x').pathname);
  response.setHeader('Content-Type', types[path.extname(name)] ?? 'application/octet-stream');
  response.end(name === 'inferd-trace.json' ? trace : fs.readFileSync(path.join(viewer, name)));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const browser = await puppeteer.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-gl=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
});
const page = await browser.newPage();
const complaints = [];
page.on('console', (message) => /Tried to end|still open/.test(message.text()) && complaints.push(message.text()));
await page.setViewport({width: 1400, height: 240});
await page.goto(`http://127.0.0.1:${server.address().port}/index.html#profileURL=inferd-trace.json`);
await page.waitForFunction(() => document.body.innerText.includes('engine '), {timeout: 60000});
await new Promise((drawn) => setTimeout(drawn, 2000));
await page.screenshot({path: picture});
await browser.close();
server.close();
if (complaints.length > 0) throw new Error(`speedscope does not like the trace: ${complaints[0]}`);
