'use strict';
// Loaded into a server of share.js: SIGWINCH begins a profile of the processor, the next one writes it to PROFILE.

const fs = require('node:fs');
const inspector = require('node:inspector');

const session = new inspector.Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: 1000 });
let runs = false;
process.on('SIGWINCH', () => {
  if (!runs) session.post('Profiler.start');
  else
    session.post('Profiler.stop', (error, { profile }) => {
      fs.writeFileSync(`${process.env.PROFILE}.partial`, JSON.stringify(profile));
      fs.renameSync(`${process.env.PROFILE}.partial`, process.env.PROFILE);
    });
  runs = !runs;
});
