// Makes Azurite acknowledge only what it has written down. Loaded with `node --require`.
//
// Azurite answers from memory and saves its metadata every five seconds: ended with kill -9 it forgets
// blobs whose upload it had acknowledged, which Azure never does. So before any answer (reads too, because
// they tell of what was written) the changes it was computed from go to a journal beside the database, a
// line each; a start reads the database and then the journal. LokiJS saves whole databases only, which at
// 10,000 blobs takes a tenth of a second: that happens when the journal has outgrown the database.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const Loki = require(require.resolve("lokijs", { paths: [path.dirname(process.argv[1])] }));

const SMALLEST_WORTH_A_SAVE = 1 << 20; // bytes

class Journal {
  constructor(database) {
    this.database = database;
    this.file = `${database.filename}.journal`;
    // What a save under way is to replace: needed again if it fails or is cut off.
    this.former = `${database.filename}.journal.former`;
    this.unwritten = Buffer.alloc(0);
    this.descriptor = null;
    this.bytes = 0;
    this.saving = false;
  }

  // Everything changed until now is in the file afterwards. Throws if the disk does not take it.
  write() {
    const changes = this.database.generateChangesNotification();
    if (changes.length > 0) {
      this.database.clearChanges();
      const lines = changes.map((change) => `${JSON.stringify(change)}\n`).join("");
      this.unwritten = Buffer.concat([this.unwritten, Buffer.from(lines)]);
    }
    while (this.unwritten.length > 0) {
      this.descriptor ??= fs.openSync(this.file, "a");
      const written = fs.writeSync(this.descriptor, this.unwritten);
      this.unwritten = this.unwritten.subarray(written);
      this.bytes += written;
    }
  }

  hasOutgrownItsDatabase() {
    if (this.saving || this.bytes < SMALLEST_WORTH_A_SAVE) return false;
    return this.bytes > fs.statSync(this.database.filename, { throwIfNoEntry: false })?.size;
  }

  // A save of the present state begins: what follows belongs to the next journal.
  setAside() {
    this.write();
    if (this.descriptor !== null) fs.closeSync(this.descriptor);
    this.descriptor = null;
    if (fs.existsSync(this.file) && fs.existsSync(this.former)) {
      fs.appendFileSync(this.former, fs.readFileSync(this.file));
      fs.unlinkSync(this.file);
    } else if (fs.existsSync(this.file)) {
      fs.renameSync(this.file, this.former);
    }
    this.bytes = 0;
    this.saving = true;
  }

  saved(error) {
    this.saving = false;
    if (!error) fs.rmSync(this.former, { force: true });
  }

  // Brings a database that was just loaded to where its journals end. A change that the database already
  // holds is made again: only the last one of each document counts.
  replay() {
    const documents = new Map();
    for (const file of [this.former, this.file]) {
      for (const { name, operation, obj } of wholeLines(file)) {
        if (!documents.has(name)) {
          const present = this.database.getCollection(name)?.data ?? [];
          documents.set(name, new Map(present.map((document) => [document.$loki, document])));
        }
        if (operation === "R") documents.get(name).delete(obj.$loki);
        else documents.get(name).set(obj.$loki, obj);
      }
    }
    for (const [name, found] of documents) {
      const collection = this.database.getCollection(name);
      if (collection !== null) refill(collection, [...found.values()]);
    }
    this.database.clearChanges();
  }
}

// The changes in a journal. One that was cut off in the middle was never acknowledged: it is cut away.
function wholeLines(file) {
  if (!fs.existsSync(file)) return [];
  const text = fs.readFileSync(file);
  const end = text.lastIndexOf("\n") + 1;
  if (end < text.length) fs.truncateSync(file, end);
  const lines = text.subarray(0, end).toString("utf8").split("\n").filter(Boolean);
  try {
    return lines.map((line) => JSON.parse(line));
  } catch (error) {
    throw new Error(`${file} is damaged (${error.message}). Move it away to start without the changes it holds.`);
  }
}

// LokiJS finds a document by its id in a sorted list, and by field in indices of its own.
function refill(collection, documents) {
  documents.sort((one, other) => one.$loki - other.$loki);
  collection.data = documents;
  collection.maxId = Math.max(collection.maxId, documents.at(-1)?.$loki ?? 0);
  collection.idIndex = null;
  collection.ensureId();
  for (const field of collection.uniqueNames) collection.ensureUniqueIndex(field);
  collection.ensureAllIndexes(true);
  collection.dirty = true;
}

const journals = new Map(); // Loki -> Journal, of the databases that are kept in files

Loki.prototype.autosaveEnable = function () {
  this.autosave = true; // still saved when it is closed
  journals.set(this, new Journal(this));
};

const { addCollection, loadDatabaseInternal, saveDatabaseInternal } = Loki.prototype;

Loki.prototype.addCollection = function (...rest) {
  const collection = addCollection.apply(this, rest);
  if (journals.has(this)) collection.setChangesApi(true);
  return collection;
};

Loki.prototype.loadDatabaseInternal = function (options, callback) {
  loadDatabaseInternal.call(this, options, (error) => {
    try {
      if (!error) journals.get(this)?.replay();
    } catch (damage) {
      error = damage;
    }
    callback(error);
  });
};

Loki.prototype.saveDatabaseInternal = function (callback) {
  const journal = journals.get(this);
  try {
    journal?.setAside();
  } catch (error) {
    callback?.(error);
    return;
  }
  saveDatabaseInternal.call(this, (error) => {
    journal?.saved(error);
    callback?.(error);
  });
};

function writeEverything() {
  for (const [database, journal] of journals) {
    journal.write();
    if (journal.hasOutgrownItsDatabase()) database.saveDatabase();
  }
}

for (const name of ["write", "end"]) {
  const original = http.ServerResponse.prototype[name];
  http.ServerResponse.prototype[name] = function (...rest) {
    if (!this.headersSent) {
      try {
        writeEverything();
      } catch (error) {
        // The disk is full or gone: no answer is better than a promise that is not kept.
        process.stderr.write(`Azurite cannot write its journal: ${error.message}\n`);
        this.destroy();
        return name === "end" ? this : false;
      }
    }
    return original.apply(this, rest);
  };
}
