'use strict';
// Heap images among the snapshots of a leak. They hold every string of the heap, so they are removed after the
// analysis.

const fs = require('node:fs');
const path = require('node:path');

/** The list that the store keeps in its directory (src/snapshot/state.rs). */
const LIST = 'plimsoll-snapshots.json';
/** Reasons for a snapshot that no user gave at that moment, and for which the event loop may have to stop. */
const AUTOMATIC = new Set(['suspect', 'leak', 'threshold']);
/** Of them, the reasons for those of a diagnosis. */
const DIAGNOSIS = new Set(['suspect', 'leak']);
/** The reason for one that a service leaves when it may be about to end. */
const NEAR_LIMIT = new Set(['near-limit']);
const IMAGE = /\.heapimage$/;

/** The heap images among some snapshots. @param {string[]} paths */
const imagesOf = (paths) => paths.filter((each) => IMAGE.test(each));

/** The snapshots of the kind of the last one: heap images and snapshots are not compared. @param {string[]} paths */
function comparable(paths) {
  const images = imagesOf(paths);
  return IMAGE.test(paths.at(-1) ?? '') ? images : paths.filter((each) => !images.includes(each));
}

/** The snapshots of the kind of which there are most; of as many, as comparable(). @param {string[]} paths */
function mostComparable(paths) {
  const last = comparable(paths);
  return last.length * 2 >= paths.length ? last : paths.filter((each) => !last.includes(each));
}

/**
 * The images that an analysis of a diagnosis makes superfluous.
 * @param {{ keepImages?: boolean, superseded?: string[] } | null | undefined} extra of the state @param {string[]} paths
 */
const spentImages = (extra, paths) => (extra?.keepImages ? [] : imagesOf([...paths, ...(extra?.superseded ?? [])]));

/** One that is gone is no error. @param {string[]} images */
async function removeImages(images) {
  await Promise.all(images.map((image) => fs.promises.rm(image, { force: true })));
}

/**
 * The snapshots that the list of a directory has of a process and some reasons, those that were not finished included.
 * @param {string} dir @param {number} pid @param {Set<string>} reasons
 * @returns {Array<{ file: string, at: number, host: string | undefined, reason: string }>} `at`: ms since the epoch
 */
function listedOf(dir, pid, reasons) {
  const isOwn = ({ owner, reason }) => owner.pid === pid && reasons.has(reason);
  try {
    const { files } = JSON.parse(fs.readFileSync(path.join(dir, LIST), 'utf8'));
    return files.filter(isOwn).map(({ name, at, owner, reason }) => {
      return { file: path.join(dir, path.basename(name)), at, host: owner.host, reason };
    });
  } catch {
    return []; // without a list, or with one that is damaged, none is known
  }
}

/**
 * The images in a directory that a process took for some reasons.
 * @param {string} dir @param {number} pid @param {Set<string>} reasons
 */
const imagesOfReasons = (dir, pid, reasons) => imagesOf(listedOf(dir, pid, reasons).map(({ file }) => file));

/** Whether a file is not there. One that cannot be looked at may be. @param {string} file */
function isGone(file) {
  try {
    return fs.statSync(file, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/**
 * The snapshots of a report that are gone, or go when it is written.
 * @param {Array<{ path: string }>} snapshots @param {string[]} spent what is removed after the report
 * @param {string} [dir] where they are if the directory was copied
 * @returns {string[]} their paths, as the report has them
 */
function goneOf(snapshots, spent, dir) {
  const names = new Set(spent.map((each) => path.basename(each)));
  const isNowhere = (file) => isGone(file) && (dir === undefined || isGone(path.join(dir, path.basename(file))));
  return snapshots.map((each) => each.path).filter((file) => names.has(path.basename(file)) || isNowhere(file));
}

const IMAGES_REMOVED = 'The heap images of the leak were removed after the analysis. The option keepImages keeps them.';

/**
 * Images of a report that could not be written stay, unless they are gone already.
 * @param {any} report @param {string[]} images
 */
function keepImages(report, images) {
  report.notes = report.notes.filter((note) => note !== IMAGES_REMOVED);
  const stay = report.snapshots.filter((each) => images.includes(each.path) && goneOf([each], []).length === 0);
  for (const snapshot of stay) delete snapshot.removed;
}

module.exports = {
  AUTOMATIC,
  DIAGNOSIS,
  NEAR_LIMIT,
  imagesOf,
  imagesOfReasons,
  listedOf,
  comparable,
  mostComparable,
  spentImages,
  keepImages,
  removeImages,
  goneOf,
  IMAGES_REMOVED,
};
