// Makes Azurite acknowledge only what it has written down. Loaded with `node --require`.
//
// Azurite answers from memory and saves its metadata every five seconds: ended with kill -9 it forgets
// blobs whose upload it had acknowledged, which Azure never does. So every answer (reads too, because they
// tell of what was written) waits until the state it was computed from is on disk. Saves are shared by all
// answers that wait at that moment, and spaced so that they take at most about a third of the time.
"use strict";

const http = require("node:http");
const path = require("node:path");

const Loki = require(require.resolve("lokijs", { paths: [path.dirname(process.argv[1])] }));

const databases = new Map(); // Loki -> {running: Promise|null, next: Promise|null, took: milliseconds}

const enableAutosave = Loki.prototype.autosaveEnable;
Loki.prototype.autosaveEnable = function (...rest) {
  databases.set(this, { running: null, next: null, took: 0 });
  return enableAutosave.apply(this, rest);
};

function save(database) {
  return new Promise((done, failed) => {
    database.saveDatabase((error) => (error ? failed(error) : done()));
  });
}

// A promise that what is in memory now is on disk, or null if it already is.
function saved(database, state) {
  if (!database.autosaveDirty()) return state.running;
  if (state.next === null) {
    const before = state.running ?? Promise.resolve();
    const pause = new Promise((done) => setTimeout(done, state.running ? 2 * state.took : 1));
    const mine = Promise.all([before, pause]).then(async () => {
      state.running = mine;
      state.next = null;
      const started = performance.now();
      await save(database);
      state.took = performance.now() - started;
      if (state.running === mine) state.running = null;
    });
    state.next = mine;
  }
  return state.next;
}

function everythingSaved() {
  const waits = [...databases].map(([database, state]) => saved(database, state)).filter(Boolean);
  return waits.length ? Promise.all(waits) : null;
}

const { write, end } = http.ServerResponse.prototype;
const held = Symbol("calls that wait for the disk");

function holding(name, original) {
  return function (...rest) {
    if (this[held]) {
      this[held].push([original, rest]);
      return name === "end" ? this : false;
    }
    const wait = this.headersSent ? null : everythingSaved();
    if (wait === null) return original.apply(this, rest);
    this[held] = [[original, rest]];
    wait.then(
      () => {
        const calls = this[held];
        this[held] = null;
        for (const [call, words] of calls) call.apply(this, words);
        if (!this.writableEnded) this.emit("drain");
      },
      (error) => {
        // The disk is full or gone: no answer is better than a promise that is not kept.
        process.stderr.write(`Azurite cannot save its state: ${error.message}\n`);
        this.destroy();
      },
    );
    return name === "end" ? this : false;
  };
}

http.ServerResponse.prototype.write = holding("write", write);
http.ServerResponse.prototype.end = holding("end", end);
