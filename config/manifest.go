// Package config reads what the user asks for: the manifest, the attach specifications in it, and the environment.
//
// Protocol: everything here is data in, data out. Nothing reads the process's environment, since the agent's Go does not see
// the host's: the caller fills an [Env]. Only [Env.Load] touches the file system. Any goroutine may call anything. The agent calls
// this package in its compiler child, the command in itself; [Process.Match] has a twin in C, the agent's gate, which reads plain
// patterns only and says "unsure" for the rest; testdata/exe-globs.txt holds both to one rule.
//
// All text is hostile input: manifests, environment values and section names of objects are bounded in size and in the work they
// cause, and no value leaves here that could step out of a directory it names a file in. Every mistake in a manifest is
// told with file, line, column and what to do, up to ten at once; a manifest with a mistake yields nothing else.
//
// The package is linked into every traced process, so it keeps to small imports: no regexp, no reflection, no JSON.
package config

import (
	"fmt"
	"path"
	"strings"
)

// Manifest is what to attach, and to what.
type Manifest struct {
	Name string // of the file, for messages
	Dir  string // absolute; relative paths in the file begin here

	Session string // empty if the manifest names none
	Objects []Object
	Process Process
	OnError OnError
	Traps   bool // where no jump fits, an int3: SIGTRAP becomes ours
	Reads   Reads

	Syscalls Syscalls
}

// Reads is how programs read memory that may not be there.
type Reads uint8

const (
	ReadsByKernel Reads = iota // by process_vm_readv
	ReadsGuarded               // as it is: SIGSEGV and SIGBUS become ours, where that is sure to work
)

func (r Reads) String() string { return [...]string{"kernel", "guarded"}[r] }

// Syscalls is which system calls programs see.
type Syscalls uint8

const (
	SyscallsRewritten Syscalls = iota // those of sites that are found and can be rewritten
	SyscallsComplete                  // all others too: the kernel hands them to us, and SIGSYS becomes ours, where that is sure to work
)

func (s Syscalls) String() string { return [...]string{"rewritten", "complete"}[s] }

// Object is one BPF object and what becomes of its programs, constants and maps. Either Path or Gadget is set.
type Object struct {
	Path   string   // absolute, a file made by clang -target bpf
	Gadget string   // one of the built-in objects
	Args   []string // the gadget's arguments

	Attach []Program  // empty: each program is attached where its section name says
	Rodata []Constant // constants to set before verification
	Maps   []Map      // changes to maps
	Pos    Pos
}

// Program names a program of the object and everything it is attached to.
type Program struct {
	Program string
	At      []Attachment // at least one
	Pos     Pos
}

// Attachment is one place a program is attached to.
type Attachment struct {
	Spec      Spec
	Cookie    uint64   // what bpf_get_attach_cookie returns there
	HasCookie bool     // a cookie was given, if only 0
	Cookies   []Cookie // of single functions that a pattern matches, instead of Cookie
	Pos       Pos
}

// Cookie is what bpf_get_attach_cookie returns in the function Name, mangled or demangled.
type Cookie struct {
	Name  string
	Value uint64
	Pos   Pos
}

// Constant is the value for a global of .rodata. Value is a bool, an int64 (negative integers), a uint64 (all others), a string,
// a []any of such values for an array, or a []Constant for the members of a struct. Whether it fits is BTF's to say.
type Constant struct {
	Name  string
	Value any
	Pos   Pos // of the value
}

// Map changes a map of the object before it is made.
type Map struct {
	Name       string
	MaxEntries uint32 // 0: as the object says
	Shared     bool   // one map for all objects of the session that name it so
	Pos        Pos
}

// OnError says what becomes of the process when something cannot be attached.
type OnError uint8

const (
	Continue OnError = iota // it runs on with what could be attached
	Abort                   // it does not start
)

func (o OnError) String() string {
	if o == Abort {
		return "abort"
	}
	return "continue"
}

// Process selects the processes a manifest is for; the zero Process selects all.
type Process struct {
	Exe string // a pattern for the path of the executable; empty: any
}

// Match reports whether the manifest is for a process whose executable is the file exe, as readlink of /proc/self/exe gives it.
//
// The rule, which the agent's gate follows too: bytes are compared, nothing is case-folded or decoded. A pattern with a '/'
// anywhere must match the whole path, one without must match what follows the path's last '/'. '*' matches any run of bytes, '/'
// included, or none; '?' any one byte; "[abx-z]" one byte of the set, "[!abx-z]" or "[^abx-z]" one byte not of it, where
// a ']' right after the '[', '!' or '^' is a member. Everything else, '\' too, is itself. An unclosed '[' matches
// nothing; Parse refuses it. The empty pattern matches everything.
func (p Process) Match(exe string) bool {
	if p.Exe == "" {
		return true
	}
	if !strings.Contains(p.Exe, "/") {
		exe = exe[strings.LastIndexByte(exe, '/')+1:]
	}
	return match(p.Exe, exe)
}

// maxSession is the longest name of a session, in bytes.
const maxSession = 64

// CheckSession says why a text cannot name a session. The name becomes a directory below the run directory.
func CheckSession(name string) error {
	const rule = "a session is named by 1 to 64 letters, digits, '.', '_' and '-', and not by a '.' first"
	ok := name != "" && len(name) <= maxSession && name[0] != '.'
	for i := range len(name) {
		ok = ok && (isAlnum(name[i]) || strings.IndexByte("._-", name[i]) >= 0)
	}
	if !ok {
		return fmt.Errorf("%q is no name for a session; %s", name[:min(len(name), maxSession)], rule)
	}
	return nil
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// ObjectNames returns the name of each object, in order, that its maps' files and its programs are listed under: the file's
// name without ".bpf.o" or ".o", or the gadget's, with '_' for all but letters, digits, '_', '-' and inner dots.
// What would be there twice gets "-2", "-3" and so on.
func (m *Manifest) ObjectNames() []string {
	names := make([]string, len(m.Objects))
	taken := map[string]int{} // name to the number it was last made unique with
	for i, o := range m.Objects {
		base := o.baseName()
		names[i] = base
		for n := max(2, taken[base]+1); taken[names[i]] > 0; n++ {
			names[i] = fmt.Sprintf("%s-%d", base, n)
			taken[base] = n
		}
		taken[names[i]] = 1
	}
	return names
}

func (o *Object) baseName() string {
	name := o.Gadget
	if name == "" {
		name = strings.TrimSuffix(strings.TrimSuffix(path.Base(o.Path), ".o"), ".bpf")
	}
	safe := []byte(name)
	for i, c := range safe {
		if !isAlnum(c) && c != '_' && c != '-' && (c != '.' || i == 0) {
			safe[i] = '_'
		}
	}
	if len(safe) == 0 {
		return "_"
	}
	return string(safe)
}
