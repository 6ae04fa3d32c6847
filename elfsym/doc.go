// Package elfsym turns names into addresses: the symbols, functions, USDT markers, frame
// rules and landing pads of ELF files, and the modules of a process.
//
// Protocol: Open (or New) reads the headers of one x86-64 ELF file; everything
// else is read when it is first asked for and then kept, so each table is read
// once. A File is used by one goroutine at a time. All addresses are the file's
// own virtual addresses (p_vaddr); the address in a process is that plus
// Module.Bias, and never a file offset: p_vaddr is not p_offset. Nothing here
// needs a live process; Modules works on a parsed /proc/PID/maps and opens the
// files it names.
//
// The files are hostile input: every count, offset and size is checked against
// the file, every loop is bounded by bytes that were read, a single read is at
// most maxRead bytes.
package elfsym
