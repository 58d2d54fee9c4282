// Serves the page of a call and keeps what its sides tell each other; a question waits for its answer. Ends once both sides
// are done, or one has failed, and writes what `getStats` of either side said: node firefox.mjs ADDRESS PORT PAGE FOLDER
import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';

const [address, port, page, out] = process.argv.slice(2);
const told = new Map();
const waiting = new Map();
const finish = (code) => {
  for (const side of ['a', 'b']) {
    const moments = [0, 1].map((generation) => told.get(`/${side}/stats${generation}`));
    writeFileSync(`${out}/firefox.${side}.json`, JSON.stringify(moments, null, 1));
    if (code) console.log(side, told.get(`/${side}/failed`));
  }
  process.exit(code);
};
createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://mailbox');
  if (pathname === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(readFileSync(page));
  if (request.method === 'GET') {
    if (told.has(pathname)) return response.end(JSON.stringify(told.get(pathname)));
    return waiting.set(pathname, [...(waiting.get(pathname) ?? []), response]);
  }
  let text = '';
  for await (const piece of request) text += piece;
  told.set(pathname, JSON.parse(text));
  for (const other of waiting.get(pathname) ?? []) other.end(text);
  response.writeHead(204).end();
  if (pathname.endsWith('/failed')) finish(1);
  if (told.has('/a/done') && told.has('/b/done')) finish(0);
}).listen(Number(port), address);
setTimeout(() => finish(2), 100_000);
