// node apollo-server-server.mjs PORT [PLUGIN]: books and their authors.
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';

const [port, plugin] = process.argv.slice(2);
const authors = Array.from({ length: 20 }, (_, id) => ({ id, name: `author ${id}` }));
const books = Array.from({ length: 300 }, (_, id) => ({ id, title: `book ${id}`, author: id % 20 }));
const typeDefs = `
  type Author { name: String! books: [Book!]! }
  type Book { id: ID! title: String! author: Author! }
  type Query { book(id: ID!): Book books: [Book!]! }
  type Mutation { rename(id: ID!, title: String!): Book }`;
const resolvers = {
  Query: { book: (_, { id }) => books[id], books: () => books.slice(0, 50) },
  Mutation: { rename: (_, { id, title }) => Object.assign(books[id], { title }) },
  Book: { author: ({ author }) => authors[author] },
  Author: { books: ({ id }) => books.filter(({ author }) => author === id) },
};
const plugins = plugin === undefined ? [] : [(await import(plugin)).default];
const server = new ApolloServer({ typeDefs, resolvers, plugins });
await startStandaloneServer(server, { listen: { port: Number(port), host: '127.0.0.1' } });
