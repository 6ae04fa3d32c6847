// Package interp runs programs with every access checked. It is the
// specification of what a program computes: the JIT is right where it agrees.
//
// Protocol. New makes a Machine for a program; Memory().Map gives it regions
// beside the context and the stack; Run and Call run it, one at a time. A
// Machine belongs to one goroutine. The program and its data are hostile: it
// reaches nothing but its regions, its frames and the registered helpers, and
// what it does wrong ends the run with a *Fault that names the instruction.
// Regions are the caller's slices, read and written in place while the program
// runs; atomic operations are plain ones here.
//
// The machine is deterministic: registers start as zero, and so do the bytes of
// every frame that the program has not written in the same run; addresses are
// the same in every run. It is little-endian on every host and uses no unsafe.
//
// Addresses. Region n lies at 0x4000_0000_0000_0000 + n<<32, which is no
// address of a process, so that the high half finds the region and the low half
// is the offset in it. Each frame is a region of its own, alive as long as its
// call: nothing above r10 or below r10-512 is reached by accident.
package interp
