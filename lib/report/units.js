'use strict';
// Figures as people read them. Sizes are binary (1 MB = 1,048,576 bytes), as Node's flags and
// containers count them. Nothing here depends on the locale: reports are compared and grepped.

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** One decimal below ten, none above: two figures are all that a trend deserves. */
function short(value) {
  return value < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : count(Math.round(value));
}

/** 3250585 -> `3.1 MB` */
function bytes(n) {
  let value = Math.abs(n);
  let unit = 0;
  // 1023.5 instead of 1024: a value that rounds to 1024 is written in the next unit.
  for (; value >= 1023.5 && unit < SIZES.length - 1; unit++) value /= 1024;
  const text = unit === 0 ? count(Math.round(value)) : short(value);
  return `${n < 0 && text !== '0' ? '-' : ''}${text} ${SIZES[unit]}`;
}

/** `25 to 42 MB`, `900 KB to 2 MB`. */
function range(from, to) {
  const [first, last] = [bytes(from), bytes(to)];
  const unit = last.slice(last.indexOf(' '));
  return `${first.endsWith(unit) ? first.slice(0, -unit.length) : first} to ${last}`;
}

/** With its sign: `+96 MB`, `-3 KB`, `0 B`. */
function change(n) {
  return `${n >= 0.5 ? '+' : ''}${bytes(n)}`;
}

/** 3250585 -> `+3.1 MB/min` */
function rate(bytesPerMinute) {
  return `${change(bytesPerMinute)}/min`;
}

/** 48213 -> `48,213` */
function count(n) {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
}

const DURATIONS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** `17 ms`, `4.2 s`, `33 min`, `2 h 10 min`, `41 d`: a second unit only below ten of the first. */
function duration(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 119_500) return `${short(ms / 1000)} s`;
  // The unit that it fills after rounding to the next smaller one: 59.7 min is 1 h, and not 60 min.
  const at = DURATIONS.findIndex(([, size], index) => ms >= size - (DURATIONS[index + 1]?.[1] ?? 0) / 2);
  const [unit, size] = DURATIONS[at];
  const [nextUnit, next] = DURATIONS[at + 1];
  if (ms >= 9.5 * size) return `${count(Math.round(ms / size))} ${unit}`;
  const parts = Math.round(ms / next);
  const rest = parts % (size / next);
  return `${Math.floor((parts * next) / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${nextUnit}`}`;
}

/** .94 -> `94 %`; a small share that is not 0 is not written as `0 %`. */
function percent(share) {
  return share > 0 && share < 0.005 ? '<1 %' : `${Math.round(share * 100)} %`;
}

module.exports = { bytes, range, change, rate, count, duration, percent };
