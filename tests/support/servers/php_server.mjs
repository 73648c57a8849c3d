// A web server whose PHP is compiled to WebAssembly: FOLDER (where @php-wasm is installed) VERSION DOCROOT PORT BASE.
// Its name rules are those of a .htaccess of PrestaShop at BASE: pictures by their names, everything else to index.php.
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';

const [folder, version, root, port, place] = process.argv.slice(2);
const shop = join(root, place);
const load = createRequire(join(folder, 'package.json'));
const { PHP, setPhpIniEntries } = load('@php-wasm/universal');
const { loadNodeRuntime, useHostFilesystem } = load('@php-wasm/node');
const TYPES = { '.css': 'text/css', '.js': 'text/javascript', '.jpg': 'image/jpeg', '.png': 'image/png',
  '.gif': 'image/gif', '.svg': 'image/svg+xml', '.ico': 'image/x-icon', '.woff': 'font/woff', '.woff2': 'font/woff2',
  '.ttf': 'font/ttf', '.html': 'text/html', '.txt': 'text/plain' };

// 1.7 does not do without intl
const withIntl = statSync(join(shop, 'app'), { throwIfNoEntry: false }) !== undefined;
const php = new PHP(await loadNodeRuntime(version, { withIntl, emscriptenOptions: { processId: 1 } }));
useHostFilesystem(php);
// The first is unusable there; libraries of that age mean no harm by the rest
await setPhpIniEntries(php, { disable_functions: 'libxml_use_internal_errors', error_reporting: '22517',
  display_errors: '1', memory_limit: '512M', 'session.save_path': '/tmp' });

const isFile = (path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

function picture(path, host) {
  let base = place;
  let wanted = true;
  for (const line of readFileSync(join(shop, '.htaccess'), 'utf8').split('\n')) {
    const named = line.match(/E=REWRITEBASE:(\S+?)\]/);
    const asked = line.match(/^RewriteCond %\{HTTP_HOST\} (\S+)/);
    const rule = line.match(/^RewriteRule (\S+) %\{ENV:REWRITEBASE\}(img\S+)/);
    if (named) base = named[1];
    else if (asked) wanted = new RegExp(asked[1]).test(host);
    else if (rule && wanted && new RegExp(rule[1]).test(path.slice(base.length)))
      return base + path.slice(base.length).replace(new RegExp(rule[1]), rule[2]);
  }
  return null;
}

async function answer(request, body) {
  const url = new URL(request.url, 'http://x');
  const asked = normalize(decodeURIComponent(url.pathname));
  // What follows the name of a script is for the script
  const [, inner, info] = asked.match(/^(.*?\.php)(\/.*)$/) ?? [];
  const path = inner && isFile(join(root, inner)) ? inner : asked;
  let file = join(root, path);
  if (file.endsWith('/') || !isFile(file)) {
    const inside = join(file, 'index.php');
    const named = isFile(inside) ? null : picture(path, request.headers.host);
    file = isFile(inside) ? inside : named && isFile(join(root, named)) ? join(root, named) : join(shop, 'index.php');
  }
  if (!file.endsWith('.php'))
    return { status: 200, headers: { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }, body: readFileSync(file) };
  php.chdir(dirname(file));
  const script = file.slice(root.length);
  const done = await php.run({
    scriptPath: file, relativeUri: request.url, method: request.method, headers: request.headers, protocol: 'http', body,
    $_SERVER: { DOCUMENT_ROOT: root, SCRIPT_NAME: script, PHP_SELF: script, PATH_INFO: path === asked ? '' : info, SCRIPT_FILENAME: file, REQUEST_URI: request.url,
      SERVER_NAME: request.headers.host.split(':')[0], SERVER_PORT: port, HTTP_HOST: request.headers.host, REMOTE_ADDR: '127.0.0.1',
      SERVER_SOFTWARE: 'Apache' } });
  return { status: done.httpStatusCode, headers: done.headers, body: Buffer.from(done.bytes) };
}

// One run at a time: there is one PHP
let last = Promise.resolve();
createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    last = last.then(() => answer(request, Buffer.concat(parts))).catch((problem) => (
      { status: 500, headers: {}, body: Buffer.from(String(problem.response?.text ?? problem) + String(problem.response?.errors ?? '')) }
    )).then(({ status, headers, body }) => {
      response.writeHead(status, headers);
      response.end(body);
    });
  });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
