// A plug-in of Apollo Server: a trace of each operation, never sent.

const traces = []; // the leak

export default {
  async requestDidStart({ request }) {
    const spans = Array.from({ length: 300 }, (_, n) => ({ n, of: `${request.operationName}#${n}` }));
    traces.push({ at: Date.now(), query: request.query, variables: request.variables, spans });
  },
};
