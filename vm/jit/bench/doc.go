// Package bench measures the JIT against native code: the same C sources,
// compiled by clang to bytecode and to a shared object without vectors, timed
// in turns by a C program.
//
// Protocol. There is nothing to import; run
//
//	go test ./vm/jit/bench -run '^$' -bench . [-rounds N] [-json FILE]
//
// It needs clang, python3 and the sources in ../shared/vmbench beside the
// module, and skips without them. Figures are printed, never asserted.
package bench
