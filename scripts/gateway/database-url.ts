/** DATABASE_URL as people write it, and as the local Hyperdrive wants it: with every part spelt out. */
import { userInfo } from "node:os";
import { StartError } from "./start-error.ts";

/** A server that trusts its clients asks for no password; the local Hyperdrive does, and takes any. */
const NO_PASSWORD = "none";

/** @throws StartError when the URL does not say which database of which server. */
export function checkDatabaseUrl(text: string): void {
  const form = "want the form postgres://user:password@host:5432/name";
  if (!URL.canParse(text)) throw new StartError(`DATABASE_URL is not a URL: ${form}`);
  const { protocol, host, pathname } = new URL(text);
  if (protocol !== "postgres:" && protocol !== "postgresql:") {
    throw new StartError(`DATABASE_URL is not one of Postgres: ${form}`);
  }
  if (host === "" || pathname.length < 2) throw new StartError(`DATABASE_URL names no host or no database: ${form}`);
}

/** The same database, with the user that Postgres's own clients would take, and with some password. */
export function spellOut(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  if (url.username === "") url.username = userInfo().username;
  if (url.password === "") url.password = NO_PASSWORD;
  return url.href;
}
