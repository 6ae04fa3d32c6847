// Package objects runs eBPF objects on real programs, through the agent, as a user does.
//
// The protocol. Objects are the C files of testdata, in the styles of bpftime and of libbpf. A test writes a manifest in
// which OBJ stands for the directory of the compiled objects and TARGET for testdata/target.c, a program of which it
// is known what it calls; whatever the manifest names there is compiled first, once for each [variant]: a clang
// that is installed, with an instruction set that it knows. The program is run by internal/host, and what the
// programs counted is read from the session's files when it is gone.
//
// What is expected is what the program is known to do: how often it was told to call something, what its own log or its
// own statistics say. Where root and the kernel allow, the kernel is a second witness: the same object is loaded into
// it by cilium/ebpf, the same program is run again, and the maps are compared.
package objects
