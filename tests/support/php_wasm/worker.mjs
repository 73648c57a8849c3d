// FOLDER VERSION version|modules|serve: PHP compiled to WebAssembly, asked once or serving FastCGI on the socket that is
// its standard input. One request at a time; it ends after IDLE_SECONDS without any, after MOST of them, or when PHP died.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { connect, createServer, isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, version, what] = process.argv.slice(2);
const IDLE_SECONDS = 120;
const MOST = 400;
// 7.0 and 7.1 have 64 KiB, behind which their own variables lie: what needs more kills them
const STACK_BYTES = 16 << 20;

// A PHP in WebAssembly knows no Unix sockets, and asks port 3306 where others ask the database's: both lead to a port of
// ours, and that to the socket
const SOCKETS = [
  [/createSocket\(family, type, protocol\) \{/g, ' if (family === 1) family = 2;'],
  [/readSockaddr = \(sa, salen\) => \{[^]*?var port = [^;]*;/g, ' if (port === 3306) port = globalThis.databasePort || 1;'],
  [/readSockaddr = \(sa, salen\) => \{[^]*?switch \(family\) \{/g,
    " case 1: return { family: 2, addr: '127.0.0.1', port: globalThis.databasePort || 1 };"],
  // A server nobody knows is refused at once: that nothing answers is heard only now and then, and waited for without end
  [/connect\(sock, addr, port\) \{/g, ' if (globalThis.isUnknown(addr)) throw new FS.ErrnoError(14);'],
];
const unknown = new Map();
globalThis.isUnknown = (host) => {
  if (!isIP(host) && !unknown.has(host)) unknown.set(host, spawnSync('getent', ['hosts', host]).status !== 0);
  return unknown.get(host) ?? false;
};
let bridged = false;
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!/\/@php-wasm\/node.*\.js$/.test(url)) return loaded;
    let text = String(loaded.source);
    if (text.search(SOCKETS[0][0]) < 0) return loaded;
    for (const [place, added] of SOCKETS) {
      if (text.search(place) < 0) throw new Error(`${url} has no ${place}`);
      text = text.replace(place, (found) => found + added);
    }
    bridged = true;
    text = text.replace(/^.*\["malloc"\] = _malloc;$/gm,
      (found) => found + 'PHPLoader.moveStack = (size) => __emscripten_stack_restore((_malloc(size) + size) & ~15);');
    return { ...loaded, source: text };
  },
});

// What 1.0.29 has for `require` seeks its PHP in a folder that is not there
const load = (name) => import(pathToFileURL(join(folder, 'node_modules', name, 'index.js')));
const { PHP, setPhpIniEntries, __private__dont__use } = await load('@php-wasm/universal');
const { loadNodeRuntime, useHostFilesystem } = await load('@php-wasm/node');

async function start(ini) {
  const php = new PHP(await loadNodeRuntime(version, { withIntl: true, emscriptenOptions: { processId: process.pid } }));
  if (!bridged) throw new Error(`nothing in ${folder} opens sockets`);
  php[__private__dont__use].moveStack?.(STACK_BYTES);
  useHostFilesystem(php);
  await setPhpIniEntries(php, ini);
  // In 7.0 and 7.1 it is 0777, with which libraries leave files that nobody can read
  php.mkdir('/internal/shared/preload');
  php.writeFile('/internal/shared/preload/umask.php', '<?php umask(022);');
  return php;
}

if (what !== 'serve') {
  const php = await start({});
  const code = what === 'version' ? "echo 'PHP ', PHP_VERSION, ' (fpm-fcgi) compiled to WebAssembly';"
    : 'foreach (get_loaded_extensions() as $name) echo $name, "\\n";';
  console.log((await php.run({ code: '<?php ' + code })).text);
  process.exit(0);
}

const ini = JSON.parse(process.env.PHP_INI);
delete process.env.PHP_INI;
const socket = ini['mysqli.default_socket'];
const bridge = createServer((client) => {
  const server = connect(socket);
  client.pipe(server).pipe(client);
  for (const one of [client, server]) one.on('error', () => { client.destroy(); server.destroy(); });
}).listen(0, '127.0.0.1');
await new Promise((done) => bridge.once('listening', done));
globalThis.databasePort = bridge.address().port;
// This kills every PHP from 7.2 on; libraries of that age mean no harm by what it would have kept to itself
const deadly = Number(version) < 7.2 ? '' : 'libxml_use_internal_errors';
const php = await start({ disable_functions: deadly, error_reporting: '22517',
  output_buffering: '4096', 'date.timezone': 'UTC', ...ini });

// A PHP in WebAssembly remembers each folder it has met: where another process has removed one since (its application's
// caches), it could neither find it nor make it again
function forgetRemovedFolders() {
  const { FS } = php[__private__dont__use];
  const host = FS.filesystems.NODEFS;
  for (let one of FS.nameTable) {
    for (let next; one; one = next) {
      next = one.name_next;
      const isOne = one.mount.type === host && one.parent !== one && !FS.isMountpoint(one) && FS.isDir(one.mode);
      if (isOne && !existsSync(host.realPath(one))) FS.hashRemoveNode(one);
    }
  }
}

const isFile = (path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

async function answer(given, body) {
  let file = (given.SCRIPT_FILENAME ?? '').replace(/^proxy:\w+:\/\/[^/]*/, '').replace(/^\/+/, '/').split('?')[0];
  let info = '';
  while (!isFile(file) && file.length > 1) {
    info = file.slice(file.lastIndexOf('/')) + info;
    file = file.slice(0, file.lastIndexOf('/'));
  }
  if (!file.endsWith('.php')) return { status: 404, headers: {}, body: Buffer.from('File not found.\n') };
  const headers = {};
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith('HTTP_')) headers[name.slice(5).toLowerCase().replaceAll('_', '-')] = value;
  }
  if (given.CONTENT_TYPE) headers['content-type'] = given.CONTENT_TYPE;
  if (given.CONTENT_LENGTH) headers['content-length'] = given.CONTENT_LENGTH;
  let name = given.SCRIPT_NAME ?? file;
  if (info && name.endsWith(info)) name = name.slice(0, -info.length);
  const server = { ...given, SCRIPT_FILENAME: file, SCRIPT_NAME: name, PHP_SELF: name + info };
  if (info) server.PATH_INFO = info;
  forgetRemovedFolders();
  php.chdir(dirname(file));
  return run({ scriptPath: file, relativeUri: given.REQUEST_URI, method: given.REQUEST_METHOD, protocol: 'http',
    headers, body: body.length ? new Uint8Array(body) : undefined, $_SERVER: server });
}

async function run(request) {
  let done;
  try {
    done = await php.run(request);
  } catch (problem) {
    if (!problem.response) throw problem;
    // PHP ended with an error and has said all it had to say
    done = problem.response;
    if (done.errors) console.error(new Date().toISOString(), request.relativeUri, String(done.errors).slice(0, 2000));
  }
  return { status: done.httpStatusCode, headers: done.headers, body: Buffer.from(done.bytes) };
}

const BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6;

function record(kind, id, content) {
  const head = Buffer.from([1, kind, id >> 8, id & 255, content.length >> 8, content.length & 255, 0, 0]);
  return Buffer.concat([head, content]);
}

function pairs(data) {
  const found = {};
  let at = 0;
  const length = () => {
    if (data[at] < 128) return data[at++];
    at += 4;
    return data.readUInt32BE(at - 4) & 0x7fffffff;
  };
  while (at < data.length) {
    const [name, value] = [length(), length()];
    found[data.toString('utf8', at, at + name)] = data.toString('utf8', at + name, at + name + value);
    at += name + value;
  }
  return found;
}

function reply(client, id, { status, headers, body }) {
  const lines = [`Status: ${status}`];
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) lines.push(`${name}: ${value}`);
  }
  const whole = Buffer.concat([Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1'), body]);
  for (let at = 0; at < whole.length; at += 65528) client.write(record(STDOUT, id, whole.subarray(at, at + 65528)));
  client.write(record(STDOUT, id, Buffer.alloc(0)));
  client.end(record(END, id, Buffer.alloc(8)));
}

let last = Promise.resolve();
let served = 0;
let waiting = 0;
let idle = null;

function rest() {
  clearTimeout(idle);
  if (served >= MOST && waiting === 0) process.exit(0);
  idle = setTimeout(() => process.exit(0), IDLE_SECONDS * 1000);
}

function asked(client, id, given, body) {
  waiting++;
  clearTimeout(idle);
  last = last.then(() => answer(pairs(given), body)).catch((problem) => {
    console.error(new Date().toISOString(), pairs(given).REQUEST_URI, problem.stack ?? problem);
    // What has died once is in no state to go on
    served = MOST;
    return { status: 500, headers: {}, body: Buffer.from('PHP died\n') };
  }).then((made) => {
    reply(client, id, made);
    waiting--;
    served++;
    client.once('close', rest);
  });
}

const server = createServer((client) => {
  let data = Buffer.alloc(0);
  const given = [];
  const body = [];
  client.on('error', () => client.destroy());
  client.on('data', (part) => {
    data = Buffer.concat([data, part]);
    while (data.length >= 8) {
      const [kind, id, length] = [data[1], data.readUInt16BE(2), data.readUInt16BE(4)];
      const size = 8 + length + data[6];
      if (data.length < size) return;
      const content = Buffer.from(data.subarray(8, 8 + length));
      data = data.subarray(size);
      if (kind === PARAMS) given.push(content);
      else if (kind === STDIN && length) body.push(content);
      else if (kind === STDIN) asked(client, id, Buffer.concat(given), Buffer.concat(body));
    }
  });
});
server.listen({ fd: 0 }, rest);
