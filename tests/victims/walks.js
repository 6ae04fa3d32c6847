// A JavaScript program whose engine walks stacks: garbage, exceptions, overflows, workers.
const { createHash } = require('crypto');
const zlib = require('zlib');
const { Worker } = require('worker_threads');

const h = createHash('sha256');
for (let i = 0; i < 20000; i++) h.update('x' + i);
console.log(h.digest('hex'));
let garbage = [];
for (let i = 0; i < 300000; i++) garbage[i % 1000] = { i, s: 'k' + i };
console.log(garbage.length);
try { null.x; } catch (e) { console.log(e.message, e.stack.split('\n').length); }
try { (function f() { f(); })(); } catch (e) { console.log(e.constructor.name); }
const deep = n => n ? 1 + deep(n - 1) : 0;
console.log(deep(5000), eval('let r = 0; for (let i = 0; i < 3e5; i++) r = (r * 31 + i) | 0; r'));
console.log(zlib.gunzipSync(zlib.gzipSync('a'.repeat(100000))).length);
if (global.gc) gc();
new Worker('require("worker_threads").parentPort.postMessage([1, 2, 3].map(x => x * 2).join())', { eval: true })
	.on('message', m => {
		console.log(m);
		console.log(require('child_process').execSync('echo child').toString().trim());
	});
