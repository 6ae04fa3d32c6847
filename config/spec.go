package config

import (
	"fmt"
	"strings"
)

// Kind is the event a program is attached to; its name is the first part of libbpf's section name.
type Kind uint8

const (
	Uprobe         Kind = iota + 1 // uprobe/PATH:SYMBOL[+OFFSET], an instruction of a function
	Uretprobe                      // uretprobe/PATH:SYMBOL, a function's return
	UprobeMulti                    // uprobe.multi/PATH:GLOB, all functions that match
	UretprobeMulti                 // uretprobe.multi/PATH:GLOB
	UprobeSession                  // uprobe.session/PATH:GLOB, one program at entry and return
	USDT                           // usdt/PATH:PROVIDER:NAME, a static marker
	Tracepoint                     // tracepoint/CATEGORY/EVENT of system calls; alias tp
	RawTracepoint                  // raw_tracepoint/sys_enter or sys_exit; alias raw_tp
	BTFTracepoint                  // tp_btf/sys_enter or sys_exit: the same, read by types
	Ksyscall                       // ksyscall/NAME, a system call's entry
	Kretsyscall                    // kretsyscall/NAME, a system call's return
)

// kindNames are libbpf's names (section_defs in libbpf.c). The first of a kind is the one that String writes.
var kindNames = [...]struct {
	name  string
	kind  Kind
	sleep bool // NAME.s exists: the program may call helpers that sleep
}{
	{"uprobe", Uprobe, true},
	{"uretprobe", Uretprobe, true},
	{"uprobe.multi", UprobeMulti, true},
	{"uretprobe.multi", UretprobeMulti, true},
	{"uprobe.session", UprobeSession, true},
	{"usdt", USDT, true},
	{"tracepoint", Tracepoint, true},
	{"tp", Tracepoint, true},
	{"raw_tracepoint", RawTracepoint, true},
	{"raw_tp", RawTracepoint, true},
	{"tp_btf", BTFTracepoint, true},
	{"ksyscall", Ksyscall, false},
	{"kretsyscall", Kretsyscall, false},
}

func (k Kind) String() string {
	for _, n := range kindNames {
		if n.kind == k {
			return n.name
		}
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Spec is a parsed attach specification. Specs are comparable; two texts that mean the same place in the same words,
// aliases and the base of the offset apart, are one Spec.
type Spec struct {
	Kind      Kind
	Sleepable bool // the .s form

	// Function probes and USDT. Path is absolute, or a module's file name ("libc.so.6") or its stem ("libc").
	Path      string
	Symbol    string // uprobe, uretprobe: mangled or demangled
	Offset    uint64 // uprobe: bytes from the symbol
	HasOffset bool   // an offset was written, if only +0
	Glob      string // .multi and .session: '*' and '?', as elfsym.File.Glob reads them
	Demangled bool   // Glob is for demangled names; it was written with a leading '~'

	Provider, Name string // usdt

	Category string // tracepoint: "syscalls" or "raw_syscalls"
	Event    string // tracepoint, raw_tracepoint, tp_btf: "sys_enter", "sys_exit_openat"
	Syscall  string // the system call's name, where Event or ksyscall name one: "openat"; else empty, all of them.
	// One of both names that internal/syscalls knows it by.
}

// String writes the specification so that ParseSpec reads the same Spec: aliases in full, the offset in hexadecimal.
func (s Spec) String() string {
	kind := s.Kind.String()
	if s.Sleepable {
		kind += ".s"
	}
	return kind + "/" + s.target()
}

func (s Spec) target() string {
	switch s.Kind {
	case Uprobe, Uretprobe:
		if s.HasOffset {
			return fmt.Sprintf("%s:%s+%#x", s.Path, s.Symbol, s.Offset)
		}
		return s.Path + ":" + s.Symbol
	case UprobeMulti, UretprobeMulti, UprobeSession:
		return s.Path + ":" + s.Pattern()
	case USDT:
		return s.Path + ":" + s.Provider + ":" + s.Name
	case Tracepoint:
		return s.Category + "/" + s.Event
	case RawTracepoint, BTFTracepoint:
		return s.Event
	}
	return s.Syscall
}

// OnReturn reports whether the program runs after what it watches rather than before it. A session does both.
func (s Spec) OnReturn() bool {
	switch s.Kind {
	case Uretprobe, UretprobeMulti, Kretsyscall:
		return true
	case Tracepoint, RawTracepoint, BTFTracepoint:
		return strings.HasPrefix(s.Event, "sys_exit")
	}
	return false
}

// Multi reports whether the specification names functions by a pattern.
func (s Spec) Multi() bool {
	switch s.Kind {
	case UprobeMulti, UretprobeMulti, UprobeSession:
		return true
	}
	return false
}

// Pattern is the glob as it was written, with the '~' that stands for demangled names.
func (s Spec) Pattern() string {
	if s.Demangled {
		return "~" + s.Glob
	}
	return s.Glob
}
