// Reads traces with the importer of Chrome's tracing page (Catapult's trace viewer), one file of JSON per argument. Prints a JSON list of what it
// made of each: its warnings, and the tracks of every process with their names and how many slices they have.
'use strict';
const fs = require('fs');
const path = require('path');

const root = path.dirname(require.resolve('traceviewer/package.json'));
// What the package's own index.js does, without the Python program that it asks for these two folders.
require(path.join(root, 'catapult_build', 'node_bootstrap.js'));
HTMLImportsLoader.addArrayToSourcePath([path.join(root, 'tracing'), path.join(root, 'tracing', 'third_party', 'gl-matrix', 'dist')]);
for (const page of ['importer/import', 'model/model', 'extras/importer/trace_event_importer']) HTMLImportsLoader.loadHTML(`/tracing/${page}.html`);

function read(file) {
  const options = new tr.importer.ImportOptions();
  options.showImportWarnings = false;
  const model = new tr.Model();
  new tr.importer.Import(model, options).importTraces([fs.readFileSync(file, 'utf8')]);
  const track = thread => ({name: thread.name, slices: thread.sliceGroup.length, waits: thread.asyncSliceGroup.length});
  return {
    warnings: model.importWarnings.map(warning => warning.message),
    milliseconds: model.bounds.duration,
    processes: Object.fromEntries(model.getAllProcesses().map(process => [process.name, Object.values(process.threads).map(track)])),
  };
}

console.log(JSON.stringify(process.argv.slice(2).map(read)));
