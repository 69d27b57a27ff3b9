'use strict';
// `plimsoll run`: its processes, states, evidence and reports.

const mutant = (name, file, find, replace, former = false) => ({
  name: `supervisor: ${name}`,
  part: 'supervisor',
  former,
  edits: [{ file, find, replace }],
});
const SUPERVISOR = 'lib/cli/supervisor.js';
const STATES = 'lib/cli/states.js';
const FAMILY = 'lib/cli/family.js';
const RUN = 'lib/cli/run.js';
const VIEWS = 'lib/cli/views.js';
const FILES = 'lib/report/files.js';
const ANALYZE = 'lib/report/analyze.js';
const DIRECTORY = 'lib/cli/run-directory.js';
const IMAGES = 'lib/snapshot/images.js';

module.exports = [
  mutant(
    'images that another thread of the process lists are removed',
    SUPERVISOR,
    'unlistedImages(states, this.#states.span)',
    'states.flatMap((each) => unlistedImages([each], this.#states.span))',
    true,
  ),
  mutant(
    'images of a process whose last state is not known are removed',
    SUPERVISOR,
    'extra && !extra.keepImages && !unread.has(pid)',
    'extra && !extra.keepImages',
    true,
  ),
  mutant(
    'images are removed before the report is written',
    RUN,
    'const files = await writeFiles(',
    'await supervisor.removeImages(images[at]);\n      const files = await writeFiles(',
    true,
  ),
  mutant(
    'a report that could not be written says that its images are removed',
    IMAGES,
    'for (const snapshot of stay) delete snapshot.removed;',
    '',
    true,
  ),
  mutant(
    'a snapshot that cannot be looked at is one that is removed',
    IMAGES,
    '  } catch {\n    return false;\n  }\n}\n\n/**\n * The snapshots of a report',
    '  } catch {\n    return true;\n  }\n}\n\n/**\n * The snapshots of a report',
    true,
  ),
  mutant(
    'images of isolates that are forgotten are removed',
    STATES,
    'if (state.extra?.snapshots?.length > 0) this.#forgotten.add(state.pid);',
    'void state;',
    true,
  ),
  mutant(
    'isolates that have ended are reported without a bound',
    STATES,
    'if (this.#ended.length <= MOST_ENDED) return;',
    'return;',
  ),
  mutant('the report is not synced', FILES, 'await handle.sync();', ''),
  mutant('the name of the report is not synced', FILES, '  await syncDirectory(path.dirname(file));\n', '', true),
  mutant(
    'what a run has left that was killed refuses the next report',
    FILES,
    "${randomBytes(4).toString('hex')}.",
    '',
    true,
  ),
  mutant(
    'a state directory that stays takes the reports with it',
    SUPERVISOR,
    "this.#options.say(`the run's state directory ${this.#directory.path} stays: ${error.message}`);",
    'throw error;',
    true,
  ),
  mutant(
    'a state that cannot be removed ends the run',
    STATES,
    'return; // at one of the next polls',
    "throw new Error('the state cannot be removed');",
    true,
  ),
  mutant(
    'a state directory that cannot be made is an error without a code',
    DIRECTORY,
    'throw unusable(cause, this.path);',
    'throw cause;',
    true,
  ),
  mutant(
    'a lock stays where the directory does',
    DIRECTORY,
    '} finally {\n      this.#lock?.release();',
    '} finally {',
    false,
  ),
  mutant(
    'a program that takes no signal is one that did not start',
    SUPERVISOR,
    'if (this.#child.pid === undefined) reject(notStarted(cause));',
    'if (true) reject(notStarted(cause));',
    true,
  ),
  mutant(
    'arguments that are too long are an error without a code',
    SUPERVISOR,
    'throw notStarted(cause);',
    'throw cause;',
    true,
  ),
  mutant(
    'a signal does not end an analysis',
    SUPERVISOR,
    'else if (performance.now() - this.#endedAt >= HURRY_MS) this.#hurry.abort();',
    '',
    true,
  ),
  mutant(
    'an analysis that no report waits for is left',
    SUPERVISOR,
    '      // An analysis that no report waits for.\n      this.#hurry.abort();\n',
    '',
    true,
  ),
  mutant(
    'a signal ends the run while it writes its reports',
    SUPERVISOR,
    'return await use(',
    'signals.release();\n      return await use(',
    true,
  ),
  mutant(
    'a SIGTERM after a SIGHUP does not end the judgement',
    SUPERVISOR,
    "if (signal !== 'SIGHUP') clearTimeout(this.#thawing);",
    '',
    true,
  ),
  mutant(
    'a child that writes a snapshot is ended as what the program started',
    FAMILY,
    'return found.filter(({ name }) => !SNAPSHOTS.has(name));',
    'return found;',
  ),
  mutant(
    'time in which the machine stood still is grace',
    FAMILY,
    'const time = new RunningTime();\n    /** When',
    'const time = { ms: 0, begun: performance.now(), tick() { this.ms = performance.now() - this.begun; } };\n    /** When',
    true,
  ),
  mutant(
    'a stopped run gives the program no grace',
    SUPERVISOR,
    'this.#afterRunning(GRACE_MS,',
    'this.#after(GRACE_MS,',
    true,
  ),
  mutant(
    'another process with the pid of the program is taken for it',
    FAMILY,
    'return pid === this.#root && start === this.#rootStart;',
    'return pid === this.#root;',
    true,
  ),
  mutant('processes that cannot be read now have ended', FAMILY, 'if (PASSING.has(error.code)) throw error;', '', true),
  mutant(
    'another process with the pid replaces the report',
    STATES,
    'this.#keepEnded(name);\n    const isDue',
    ';\n    const isDue',
    true,
  ),
  mutant(
    'a report replaces another one of the run',
    VIEWS,
    'const file = unused(place, used);',
    'const file = place;',
    true,
  ),
  mutant(
    'a size that cannot be read ends the run',
    VIEWS,
    '  } catch {\n    return null;\n  }\n}\n\n/** For render()',
    '  } catch (error) {\n    throw error;\n  }\n}\n\n/** For render()',
    true,
  ),
  mutant(
    'an analyzer without descriptors ends the run',
    ANALYZE,
    "child.stdin?.on('error'",
    "child.stdin.on('error'",
    true,
  ),
  mutant(
    'the verdict is not that of the first signal',
    STATES,
    'if (this.#frozen !== null) return;',
    'this.#frozen = null;',
  ),
  mutant(
    'a state is removed before it is read',
    STATES,
    'if (state === null) continue;',
    'if (state === null) {\n        if (!alive) fs.rmSync(file, { force: true });\n        continue;\n      }',
  ),
  mutant(
    'states of isolates that have ended pile up',
    STATES,
    '(state.ended || !alive) && mayRetire(name)',
    'state.ended && !alive && mayRetire(name)',
  ),
  mutant(
    'the report is written in place',
    FILES,
    'else await writeWhole(place, text, { mode });',
    'else await fs.writeFile(place, text);',
  ),
  mutant('the signal is lost from the exit code', RUN, 'return exit.code ?? 128 + ', 'return exit.code ?? 1 + '),
  mutant(
    'SIGKILL comes with the first SIGTERM',
    FAMILY,
    'const late = time.ms - since > graceMs;',
    'const late = signalled.size > 0;',
  ),
  mutant(
    'a signal is passed on that the terminal has sent',
    SUPERVISOR,
    'if (isOurs) this.#child?.kill(signal);',
    'this.#child?.kill(signal);',
  ),
  mutant('what the program started is left running', SUPERVISOR, 'await this.#family.end(GRACE_MS);', ''),
  mutant('signals are listened to for ever', SUPERVISOR, 'signals.release();', ''),
];
