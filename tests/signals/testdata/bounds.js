// (module (memory 1) (func (export "load") (param i32) (result i32) local.get 0 i32.load))
const b = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,5,3,1,0,1,7,8,1,4,108,111,97,100,0,0,10,9,1,7,0,32,0,40,2,0,11]);
const load = new WebAssembly.Instance(new WebAssembly.Module(b)).exports.load;
let caught = 0, sum = 0;
for (let i = 0; i < 20000; i++) {
  try { sum += load(i % 2 ? 65536 * i : 8); } catch (e) { caught += e instanceof WebAssembly.RuntimeError; }
}
console.log(caught, sum);
console.log(require('child_process').execFileSync('/bin/echo', ['a child']).toString());
