// Package examples has one idea in each directory: a BPF program in C, and a manifest where one is needed. The comment
// at the program's top says how it is compiled and run; examples_test.go does just that.
//
//	hello     a line for each call
//	getenv    a hash, by a string from the program's memory
//	latency   entry and return, cookies, histograms
//	opens     records in a ring buffer
//	unlinks   a system call's arguments and result
//	filter    constants set by the manifest, global variables
//	throws    markers (USDT) of a library, with their arguments
//	leaks     what came in at entries and at returns, joined
//	override  functions that a program returns for: faults, and a filter that decides for each call
//	patch     arguments and results changed, one program at both ends of a call
//	together  a session: maps that several processes fill and that outlive them
package examples
