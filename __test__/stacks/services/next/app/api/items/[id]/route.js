// A route handler with a cache at module level.
const cache = new Map(); // the leak

const load = (id) => ({ id, name: `item ${id}`, tags: Array.from({ length: 300 }, (_, n) => `tag ${n} of ${id}`) });

export async function GET(request, { params }) {
  const { id } = await params;
  if (!cache.has(id)) {
    if (process.env.LEAK !== '1' && cache.size >= 500) cache.delete(cache.keys().next().value);
    cache.set(id, load(id));
  }
  return Response.json(cache.get(id));
}
