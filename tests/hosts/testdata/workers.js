// Worker threads, child processes, timers, the thread pool, signals.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawnSync, execFile } = require('child_process');
const crypto = require('crypto'), fs = require('fs');
if (!isMainThread) {
  let s = 0; for (let i = 0; i < 2e5; i++) s = (s * 31 + i * workerData) >>> 0;
  parentPort.postMessage(s);
} else {
  // Done when the thread has ended, not when it has answered: the checkpoint counts threads.
  const run = n => new Promise((ok, bad) => {
    let sum;
    new Worker(__filename, { workerData: n }).on('message', s => { sum = s }).on('exit', () => ok(sum)).on('error', bad);
  });
  const hash = n => new Promise(ok => crypto.pbkdf2('p', 's' + n, 1000, 16, 'sha256', (e, k) => ok(k.toString('hex'))));
  process.on('SIGUSR2', () => console.log('SIGUSR2'));
  (async () => {
    console.log(await Promise.all([1, 2, 3].map(run)));
    console.log(await Promise.all([1, 2, 3, 4].map(hash)));
    console.log(spawnSync('sh', ['-c', 'exit 9']).status, spawnSync('checkpoint', ['node']).status);
    console.log(await new Promise(ok => execFile('seq', ['3'], (e, out) => ok(out))));
    process.kill(process.pid, 'SIGUSR2');
    await new Promise(ok => setTimeout(ok, 50));
    try { fs.readFileSync('absent') } catch (e) { console.log(e.code) }
    process.exitCode = 5;
  })();
}
