// A plug-in of Vite: what it has transformed, by name and number.

const versions = new Map(); // the leak

export default () => ({
  name: 'versions',
  transform(code, id) {
    const tokens = Array.from({ length: 3000 }, (_, at) => ({ at, in: `${id}@${at}` }));
    versions.set(`${id}@${versions.size}`, { code, tokens });
  },
});
