// Holds GraphQL queries against GitHub's own schema: a JSON object of name to query comes in, one of name to problems goes out.
import { readFileSync } from "node:fs";
import { buildSchema, parse, validate } from "graphql";

const text = readFileSync(new URL("node_modules/@octokit/graphql-schema/schema.graphql", import.meta.url), "utf8");
// GitHub publishes some fields twice, which is no fault of a query.
const schema = buildSchema(text, { assumeValidSDL: true });
const queries = JSON.parse(readFileSync(0, "utf8"));
const problems = Object.entries(queries).map(([name, query]) => [
  name,
  validate(schema, parse(query)).map((each) => each.message),
]);
console.log(JSON.stringify(Object.fromEntries(problems)));
