'use strict';
// A plug-in of the language server: the completions that were offered.

const offered = []; // the leak

module.exports = () => ({
  create({ languageService }) {
    const { getCompletionsAtPosition } = languageService;
    languageService.getCompletionsAtPosition = (...args) => {
      const info = getCompletionsAtPosition.apply(languageService, args);
      offered.push(Array.from({ length: 2000 }, (_, n) => ({ n, at: `${args[0]}#${n}` })));
      return info;
    };
    return languageService;
  },
});
