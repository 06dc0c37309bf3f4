// Makes the picture of a trace in docs/LOGS.md: opens /debug/trace of a running inferd in speedscope, in a headless chromium, and puts its
// tracks, which speedscope shows one at a time, below each other. Each has a time axis of its own.
//
//   npm install --no-save speedscope@1.25.0 puppeteer-core
//   node docs/images/trace.mjs http://127.0.0.1:9464 docs/images/trace.png
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const WIDTH = 1400;
const TRACKS = 6;
const [inferd, picture] = process.argv.slice(2);
const trace = Buffer.from(await (await fetch(`${inferd}/debug/trace?seconds=60`)).arrayBuffer());
const viewer = path.join(process.cwd(), 'node_modules/speedscope/dist/release');
const types = {'.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css'};
const server = http.createServer((request, response) => {
  const name = path.basename(new URL(request.url, 'http://x').pathname);
  response.setHeader('Content-Type', types[path.extname(name)] ?? 'application/octet-stream');
  const file = path.join(viewer, name);
  response.end(name === 'inferd-trace.json' ? trace : fs.existsSync(file) ? fs.readFileSync(file) : '');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const browser = await puppeteer.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-gl=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
});
const drawn = () => new Promise((done) => setTimeout(done, 1500));
const page = await browser.newPage();
const complaints = [];
page.on('console', (message) => /Tried to end|still open/.test(message.text()) && complaints.push(message.text()));
await page.setViewport({width: WIDTH, height: 240});
await page.goto(`http://127.0.0.1:${server.address().port}/index.html#profileURL=inferd-trace.json`);
await page.waitForFunction(() => document.body.innerText.includes('engine '), {timeout: 60000});
const tracks = [];
for (let last = 1; tracks.length < Math.min(last, TRACKS);) {
  await drawn();
  const [, name, of] = /^(.*) \(\d+\/(\d+)\)$/m.exec(await page.evaluate(() => document.body.innerText));
  last = Number(of);
  tracks.push({name, image: await page.screenshot({clip: {x: 0, y: 122, width: WIDTH, height: 62}, encoding: 'base64'})});
  await page.keyboard.press('n');
}
await page.setViewport({width: WIDTH, height: 100});
await page.setContent('<body style="margin: 0; font: 13px sans-serif">' + tracks.map(({name, image}) =>
  `<div style="padding: 3px 6px; background: #eee">${name}</div><img style="display: block" src="data:image/png;base64,${image}">`).join(''));
await page.screenshot({path: picture, fullPage: true});
await browser.close();
server.close();
if (complaints.length > 0) throw new Error(`speedscope does not like the trace: ${complaints[0]}`);
