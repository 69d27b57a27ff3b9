'use strict';
// Names for the programs: made of syllables, new at each run, and none that Node or V8 uses itself.

const syllables = [
  'ba',
  'ke',
  'li',
  'mo',
  'nu',
  'pra',
  'qui',
  'ro',
  'sha',
  'tev',
  'vi',
  'wex',
  'zo',
  'dri',
  'fal',
  'gun',
  'hep',
  'jo',
  'cla',
  'yst',
];

/** @param {() => number} random in [0, 1) */
function drawName(random) {
  let name = '';
  for (let i = 0; i < 3 + Math.floor(random() * 2); i++) name += syllables[Math.floor(random() * syllables.length)];
  return name;
}

/** Gives each placeholder of a program a name of its own; a capital one begins with a capital. */
function makeNaming(random) {
  const names = new Map();
  const used = new Set();
  return (text) =>
    text.replaceAll(/\$([a-zA-Z]+)/g, (_, key) => {
      if (!names.has(key)) {
        let name;
        do name = drawName(random);
        while (used.has(name));
        used.add(name);
        names.set(key, /^[A-Z]/.test(key) ? name[0].toUpperCase() + name.slice(1) : name);
      }
      return names.get(key);
    });
}

/** mulberry32: a run prints its seed, so that it can be run again. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

module.exports = { makeNaming, seeded };
