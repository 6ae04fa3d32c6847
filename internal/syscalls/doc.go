// Package syscalls knows the system calls of x86-64 Linux: their numbers, names and
// arguments, and what tracefs says about their tracepoints.
//
// Protocol. Everything is in one text, calls.txt, which is linked in as it is: a table of
// Go strings would be a thousand relocations in every process that is traced. It is read
// when somebody first asks. Any goroutine may ask anything.
//
// A call has up to two names. Programs know it by that of <asm/unistd_64.h>, fstat; the
// kernel's function, and so the tracepoint, may have another, newfstat. Both find it.
//
// calls.txt is made by gen.go (`go generate`): numbers and names from the header, what
// the header lacks from more.txt. Arguments are a running kernel's, asked for with
// `go run gen.go -tracefs /sys/kernel/tracing` as root; else they stay as they are. A test
// compares them with what tracefs says, where there is one.
package syscalls

//go:generate go run gen.go
