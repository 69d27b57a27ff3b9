'use strict';
// The final reports of a run, for `--send`: they have the retaining paths, which the watched processes did not know.

const path = require('node:path');
const { diagnosticDir } = require('../directories.js');
const { writeReport } = require('../report/files.js');
const { Sender } = require('../send/sender.js');

/** How long the end of a run waits for its reports to arrive, at least. */
const WAIT_MS = 10_000;

/**
 * @param {any[]} reports @param {object} options  of the watch @param {(line: string) => void} say
 * @param {AbortSignal} hurry  ends the wait
 */
async function sendReports(reports, options, say, hurry) {
  const leaks = reports.filter(({ verdict }) => verdict.state === 'leak');
  if (leaks.length === 0) return;
  const dir = path.resolve(options.dir ?? diagnosticDir());
  const sender = new Sender(options, { dir, warn: (_, message) => say(message) });
  try {
    for (const report of leaks) {
      if (!report.redacted && !options.sendRaw) {
        say(`the report on pid ${report.pid} is not redacted, so it is not sent.`);
        continue;
      }
      const files = await writeReport(report, { dir, formats: ['json'] });
      const about = { redacted: report.redacted, own: true, script: report.process.script ?? undefined };
      for (const file of files) sender.add('report', file, about);
    }
  } catch (error) {
    say(`the report cannot be sent: ${error.message}`);
  }
  const hurried = new Promise((resolve) => {
    if (hurry.aborted) resolve(false);
    hurry.addEventListener('abort', () => resolve(false), { once: true });
  });
  const hasArrived = await Promise.race([sender.settled(Math.max(WAIT_MS, options.sendGrace)), hurried]);
  sender.stop();
  if (!hasArrived)
    say(`the report has not arrived yet; it waits in ${dir} for the next process that sends from there.`);
}

module.exports = { sendReports };
