package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bpftime-go/bpftime/internal/syscalls"
)

// ErrNoTarget is what the error of a bare kind, such as "uprobe", is to errors.Is. libbpf accepts it as the section of a program
// that is attached by hand. The Spec that comes with it has its Kind and Sleepable.
var ErrNoTarget = errors.New("no target")

// SpecError says what is wrong with the specification Spec and what to write instead.
type SpecError struct {
	Spec, Msg, Hint string
	err             error
}

func (e *SpecError) Error() string { return fmt.Sprintf("%q: %s; %s", e.Spec, e.Msg, e.Hint) }

func (e *SpecError) Unwrap() error { return e.err }

// maxSpec bounds a specification: a path and the longest demangled names seen, about 8 KiB.
const maxSpec = 16 << 10

// ParseSpec reads an attach specification: a libbpf section name without the leading '?' that stands for "not loaded unless
// asked for". Errors are of type *SpecError.
//
//	uprobe/PATH:SYMBOL[+OFFSET]       PATH ends at the first ':', OFFSET is a trailing +DEC or +0xHEX
//	uprobe.multi/PATH:[~]GLOB         mangled names, with '~' demangled ones
//	usdt/PATH:PROVIDER:NAME
//	tracepoint/syscalls/sys_enter_NAME
//	ksyscall/NAME
func ParseSpec(s string) (Spec, error) {
	if problem := unprintable(s); problem != "" || len(s) > maxSpec {
		return Spec{}, &SpecError{s[:min(len(s), 40)], "this is no attach specification", "write one like uprobe/libc:malloc", nil}
	}
	name, target, _ := strings.Cut(s, "/")
	kind, sleepable, ok := lookupKind(name)
	if !ok {
		return Spec{}, unknownKind(s, name)
	}
	p := specParser{text: s, kindName: name, Spec: Spec{Kind: kind, Sleepable: sleepable}}
	if target == "" {
		return p.Spec, &SpecError{s, "nothing is named to attach to", "write " + p.example(), ErrNoTarget}
	}
	if err := p.parseTarget(target); err != nil {
		return Spec{}, err
	}
	return p.Spec, nil
}

func lookupKind(name string) (kind Kind, sleepable, ok bool) {
	base, sleepable := strings.CutSuffix(name, ".s")
	for _, n := range kindNames {
		if n.name == base && (n.sleep || !sleepable) {
			return n.kind, sleepable, true
		}
	}
	return 0, false, false
}

// unprintable names what makes a text unfit for a name: a control character.
func unprintable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Sprintf("the control character 0x%02x", s[i])
		}
	}
	return ""
}

// kernelKinds attach inside the kernel, where this library has no business.
var kernelKinds = [...]string{"kprobe", "kretprobe", "kprobe.multi", "kretprobe.multi", "kprobe.session", "fentry", "fexit", "fmod_ret",
	"raw_tp.w", "raw_tracepoint.w", "lsm", "iter", "perf_event", "xdp", "tc", "tcx", "socket", "cgroup", "struct_ops", "syscall"}

func unknownKind(s, name string) error {
	fail := func(msg, hint string) error { return &SpecError{s, msg, hint, nil} }
	base := strings.TrimSuffix(name, ".s")
	for _, k := range kernelKinds {
		if base == k {
			return fail(k+" programs run in the kernel, not in a process", "write uprobe/PATH:SYMBOL for a function or ksyscall/NAME for a system call")
		}
	}
	if kind, _, ok := lookupKind(base); ok {
		return fail(kind.String()+" has no sleepable form", "write it without .s")
	}
	if kind, rest, found := strings.Cut(s, ":"); found {
		if _, _, ok := lookupKind(kind); ok {
			return fail("a '/' must follow the kind "+kind, "write "+kind+"/"+rest)
		}
		if !strings.Contains(s, "/") || s[0] == '/' {
			return fail("the kind of probe is missing", "write uprobe/"+s+" or uretprobe/"+s)
		}
	}
	var known []string
	for _, n := range kindNames {
		known = append(known, n.name)
	}
	return fail(fmt.Sprintf("unknown kind %q", name), suggest(name, known))
}

// specParser fills a Spec from the text behind the kind.
type specParser struct {
	Spec
	text, kindName string
}

func (p *specParser) fail(msg, hint string) error { return &SpecError{p.text, msg, hint, nil} }

// example is a complete specification of the kind that was asked for.
func (p *specParser) example() string {
	switch p.Kind {
	case UprobeMulti, UretprobeMulti, UprobeSession:
		return p.kindName + "/libc:mem*"
	case USDT:
		return p.kindName + "/PATH:PROVIDER:NAME"
	case Tracepoint:
		return p.kindName + "/syscalls/sys_enter_openat"
	case RawTracepoint, BTFTracepoint:
		return p.kindName + "/sys_enter"
	case Ksyscall, Kretsyscall:
		return p.kindName + "/openat"
	}
	return p.kindName + "/libc:malloc"
}

func (p *specParser) parseTarget(text string) error {
	switch p.Kind {
	case Tracepoint:
		return p.tracepoint(text)
	case RawTracepoint, BTFTracepoint:
		return p.sysEvent(text)
	case Ksyscall, Kretsyscall:
		return p.syscall(text)
	}
	rest, err := p.path(text)
	if err != nil {
		return err
	}
	switch p.Kind {
	case UprobeMulti, UretprobeMulti, UprobeSession:
		return p.glob(rest)
	case USDT:
		return p.usdt(rest)
	}
	return p.symbol(rest)
}

// path takes PATH off the text and returns what follows its colon.
func (p *specParser) path(text string) (string, error) {
	path, rest, found := strings.Cut(text, ":")
	switch {
	case !found:
		return "", p.fail("a module, a ':' and a name must follow "+p.kindName+"/", "write "+p.example())
	case path == "":
		return "", p.fail("no module stands before the ':'", "write "+p.example())
	case rest == "":
		return "", p.fail("no name stands after the ':'", "write "+p.example())
	case rest[0] == ':':
		return "", p.fail("no module stands before "+text, "write "+p.kindName+"/MODULE:"+text)
	case strings.HasSuffix(path, "/") || path == "." || path == "..":
		return "", p.fail(path+" is a directory", "name a file, as in "+p.example())
	case path[0] == '.' && strings.Contains(path, "/"):
		return "", p.fail("the path "+path+" is relative", "write it from the root: "+p.kindName+"//DIR/FILE:"+rest)
	case path[0] != '/' && strings.Contains(path, "/"):
		return "", p.fail("the path "+path+" is relative", "write "+p.kindName+"//"+text+" with two slashes, or the module's name alone")
	}
	p.Path = path
	return rest, nil
}

func (p *specParser) symbol(text string) error {
	symbol, offset, has, err := p.splitOffset(text)
	switch {
	case err != nil:
		return err
	case symbol == "":
		return p.fail("no function stands before the offset", "write "+p.kindName+"/"+p.Path+":FUNCTION"+text)
	case symbol != strings.TrimSpace(symbol):
		return p.fail("white space surrounds the function's name", "write "+p.kindName+"/"+p.Path+":"+strings.TrimSpace(symbol)+text[len(symbol):])
	case isNumber(symbol):
		return p.fail(symbol+" is an address, not a function", "write "+p.kindName+"/"+p.Path+":FUNCTION+OFFSET")
	case offset != 0 && p.Kind == Uretprobe:
		return p.fail("a return has no offset", "write "+p.kindName+"/"+p.Path+":"+symbol)
	}
	p.Symbol, p.Offset, p.HasOffset = symbol, offset, has
	return nil
}

// splitOffset takes a trailing +DEC or +0xHEX off. Any other '+' belongs to the name: operator+, operator++(int).
func (p *specParser) splitOffset(text string) (name string, offset uint64, has bool, err error) {
	i := strings.LastIndexByte(text, '+')
	if i < 0 || !isNumber(text[i+1:]) {
		return text, 0, false, nil
	}
	digits := text[i+1:]
	if len(digits) > 1 && digits[0] == '0' && digits[1] != 'x' {
		return "", 0, false, p.fail("the offset +"+digits+" could be octal or decimal", "write it without the leading zero, or as +0x and hexadecimal digits")
	}
	offset, err = strconv.ParseUint(digits, 0, 64)
	if err != nil {
		return "", 0, false, p.fail("the offset +"+digits+" does not fit 64 bits", "write the distance in bytes from the function's begin")
	}
	return text[:i], offset, true, nil
}

// isNumber reports whether s is DEC or 0xHEX.
func isNumber(s string) bool {
	digits, set := s, "0123456789"
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		digits, set = hex, "0123456789abcdefABCDEF"
	}
	return digits != "" && strings.Trim(digits, set) == ""
}

func (p *specParser) glob(text string) error {
	glob, demangled := strings.CutPrefix(text, "~")
	_, _, has, err := p.splitOffset(glob)
	switch {
	case glob == "":
		return p.fail("no pattern stands after the '~'", "write "+p.kindName+"/"+p.Path+":~std::*")
	case err != nil || has:
		return p.fail("a pattern has no offset", "write the pattern alone, as in "+p.example())
	}
	p.Glob, p.Demangled = glob, demangled
	return nil
}

func (p *specParser) usdt(text string) error {
	provider, name, _ := strings.Cut(text, ":")
	if provider == "" || name == "" || strings.Contains(name, ":") {
		return p.fail("a provider, a ':' and a name must follow the module", "write "+p.kindName+"/"+p.Path+":PROVIDER:NAME")
	}
	p.Provider, p.Name = provider, name
	return nil
}

func (p *specParser) tracepoint(text string) error {
	category, event, found := strings.Cut(text, "/")
	switch {
	case !found || event == "":
		return p.fail("a tracepoint has a category and a name", "write "+p.example())
	case category == "raw_syscalls":
		p.Category = category
		return p.sysEvent(event)
	case category != "syscalls":
		return p.fail("tracepoints of "+category+" are in the kernel, out of a process's reach", "those of syscalls and raw_syscalls are not: "+p.example())
	}
	for _, prefix := range [...]string{"sys_enter_", "sys_exit_"} {
		if name, ok := strings.CutPrefix(event, prefix); ok {
			p.Category, p.Event = category, event
			return p.syscall(name)
		}
	}
	return p.fail("there is no tracepoint syscalls/"+event, "write "+p.kindName+"/syscalls/sys_enter_NAME, sys_exit_NAME, or "+p.kindName+"/raw_syscalls/sys_enter for all")
}

// sysEvent reads the event of every system call.
func (p *specParser) sysEvent(event string) error {
	if event != "sys_enter" && event != "sys_exit" {
		return p.fail("of the raw tracepoints a process has sys_enter and sys_exit, not "+event, "write one of these, or tracepoint/syscalls/sys_enter_NAME")
	}
	p.Event = event
	return nil
}

func (p *specParser) syscall(name string) error {
	if bare := strings.TrimPrefix(strings.TrimPrefix(name, "__x64_"), "sys_"); bare != name && bare != "" {
		return p.fail(name+" is the name of a kernel function", "write the system call's: "+bare)
	}
	if call, ok := syscalls.ByName(name); !ok || call.Event == "" {
		return p.fail(fmt.Sprintf("%q is no system call", name), p.nearest(name))
	}
	p.Syscall = name
	return nil
}

// nearest is the hint for a name that no call has.
func (p *specParser) nearest(name string) string {
	if near, ok := closest(name, syscalls.Names()); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "write " + p.example() + ", or raw_tracepoint/sys_enter for all"
}
