// `php -l` of a PHP compiled to WebAssembly: FOLDER (where @php-wasm is installed) VERSION FILE… -> JSON, file: its complaint or "".
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, version, ...files] = process.argv.slice(2);
const load = createRequire(join(folder, 'package.json'));
const { PHP, loadPHPRuntime } = load('@php-wasm/universal');
const { getPHPLoaderModule } = load(`@php-wasm/node-${version.replace('.', '-')}`);
const found = {};
for (const file of files) {
  // One process of PHP is one run of its command line
  const php = new PHP(await loadPHPRuntime(await getPHPLoaderModule(), {}));
  php.writeFile('/file.php', readFileSync(file));
  const answer = await php.cli(['php', '-l', '/file.php']);
  const said = await answer.stdoutText;
  found[file] = (await answer.exitCode) === 0 ? '' : said || 'refused';
}
console.log(JSON.stringify(found));
process.exit(0);
