'use strict';
// Heap images among the snapshots of a leak. They hold every string of the heap, so they are removed after the
// analysis.

const fs = require('node:fs');

const IMAGE = /\.heapimage$/;

/** The heap images among some snapshots. @param {string[]} paths */
const imagesOf = (paths) => paths.filter((path) => IMAGE.test(path));

/** The snapshots of the kind of the last one: heap images and snapshots are not compared. @param {string[]} paths */
function comparable(paths) {
  const images = imagesOf(paths);
  return IMAGE.test(paths.at(-1) ?? '') ? images : paths.filter((path) => !images.includes(path));
}

/** One that is gone is no error. @param {string[]} images */
async function removeImages(images) {
  await Promise.all(images.map((image) => fs.promises.rm(image, { force: true })));
}

const IMAGES_REMOVED = 'The heap images were removed after the analysis. The option keepImages keeps them.';

module.exports = { imagesOf, comparable, removeImages, IMAGES_REMOVED };
