package config

import (
	"errors"
	"fmt"
	"path"

	"github.com/bpftime-go/bpftime/config/internal/yaml"
)

func (d *decoder) manifest(n *yaml.Node) *Manifest {
	m := &Manifest{Name: d.name, Dir: d.dir}
	if n.IsNull() {
		d.fail(n, "the manifest is empty", objectsHint)
		return nil
	}
	found := false
	d.fields(n, "manifest", []field{
		{"session", func(v *yaml.Node) { m.Session = d.session(v) }},
		{"objects", func(v *yaml.Node) { m.Objects, found = d.objects(v), true }},
		{"process", func(v *yaml.Node) { m.Process = d.process(v) }},
		{"on_error", func(v *yaml.Node) { m.OnError = d.onError(v) }},
		{"traps", func(v *yaml.Node) { m.Traps = d.bool(v, "traps") }},
		{"syscalls", func(v *yaml.Node) { m.Syscalls = d.syscalls(v) }},
		{"reads", func(v *yaml.Node) { m.Reads = d.reads(v) }},
	})
	if !found && n.Kind == yaml.Mapping {
		d.fail(n, "the manifest has no objects", objectsHint)
	}
	return m
}

const objectsHint = "write objects: and a list, each with path: FILE.bpf.o or gadget: NAME"

func (d *decoder) session(n *yaml.Node) string {
	name, ok := d.text(n, "session", "a name")
	if !ok {
		return ""
	}
	if err := CheckSession(name); err != nil {
		d.fail(n, err.Error(), "")
	}
	return name
}

func (d *decoder) process(n *yaml.Node) (p Process) {
	d.fields(n, "process", []field{{"exe", func(v *yaml.Node) { p.Exe = d.exe(v) }}})
	return p
}

// maxPattern is the kernel's PATH_MAX: no path is longer.
const maxPattern = 4096

func (d *decoder) exe(n *yaml.Node) string {
	pattern, ok := d.text(n, "exe", "a pattern for an executable's path")
	switch problem := checkSets(pattern); {
	case !ok:
		return ""
	case problem != "":
		d.fail(n, "exe: "+problem, "")
	case len(pattern) > maxPattern:
		d.fail(n, fmt.Sprintf("exe: the pattern has %d bytes, more than the %d of any path", len(pattern), maxPattern), "")
	}
	return pattern
}

func (d *decoder) onError(n *yaml.Node) OnError {
	text, ok := d.text(n, "on_error", "continue or abort")
	switch {
	case !ok:
	case text == "abort":
		return Abort
	case text != "continue":
		d.wrong(n, "on_error", "continue or abort", suggest(text, []string{"continue", "abort"}))
	}
	return Continue
}

func (d *decoder) syscalls(n *yaml.Node) Syscalls {
	text, ok := d.text(n, "syscalls", "rewritten or complete")
	switch {
	case !ok:
	case text == "complete":
		return SyscallsComplete
	case text != "rewritten":
		d.wrong(n, "syscalls", "rewritten or complete", suggest(text, []string{"rewritten", "complete"}))
	}
	return SyscallsRewritten
}

func (d *decoder) reads(n *yaml.Node) Reads {
	text, ok := d.text(n, "reads", "kernel or guarded")
	switch {
	case !ok:
	case text == "guarded":
		return ReadsGuarded
	case text != "kernel":
		d.wrong(n, "reads", "kernel or guarded", suggest(text, []string{"kernel", "guarded"}))
	}
	return ReadsByKernel
}

func (d *decoder) objects(n *yaml.Node) []Object {
	items := d.items(n, "objects")
	if n.Kind == yaml.Sequence && len(items) == 0 {
		d.fail(n, "objects: the list is empty", objectsHint)
	}
	objects := make([]Object, 0, len(items))
	for _, item := range items {
		objects = append(objects, d.object(item))
	}
	return objects
}

func (d *decoder) object(n *yaml.Node) Object {
	o := Object{Pos: pos(n)}
	var file, gadget, args *yaml.Node
	d.fields(n, "object", []field{
		{"path", func(v *yaml.Node) { file, o.Path = v, d.path(v) }},
		{"gadget", func(v *yaml.Node) { gadget, o.Gadget = v, d.gadget(v) }},
		{"args", func(v *yaml.Node) { args, o.Args = v, d.args(v) }},
		{"attach", func(v *yaml.Node) { o.Attach = d.attach(v) }},
		{"rodata", func(v *yaml.Node) { o.Rodata = d.rodata(v, 0) }},
		{"maps", func(v *yaml.Node) { o.Maps = d.maps(v) }},
	})
	switch {
	case n.Kind != yaml.Mapping:
	case file == nil && gadget == nil:
		d.fail(n, "this object has neither path nor gadget", "write path: FILE.bpf.o or gadget: NAME")
	case file != nil && gadget != nil:
		d.fail(gadget, "an object has a path or a gadget, not both", "make two objects of it")
	case args != nil && gadget == nil:
		d.fail(args, "args belong to a gadget", "set an object's constants with rodata")
	}
	return o
}

func (d *decoder) path(n *yaml.Node) string {
	file, ok := d.text(n, "path", "a file")
	if !ok || path.IsAbs(file) {
		return file
	}
	return path.Join(d.dir, file)
}

func (d *decoder) gadget(n *yaml.Node) string {
	name, ok := d.text(n, "gadget", "the name of a built-in object")
	if ok {
		d.checkName(n, "gadget")
	}
	return name
}

// maxName bounds the names of programs, constants, maps and gadgets, in bytes.
const maxName = 255

// checkName refuses what can name nothing in an object and could step out of a directory: anything but C identifiers and
// the names of sections, which are identifiers with dots.
func (d *decoder) checkName(n *yaml.Node, what string) bool {
	word := false
	ok := len(n.Value) <= maxName
	for _, c := range []byte(n.Value) {
		word = word || isAlnum(c) || c == '_'
		ok = ok && (isAlnum(c) || c == '_' || c == '.' || c == '-')
	}
	if !ok || !word {
		d.fail(n, fmt.Sprintf("%s: %s is no name", what, describe(n)), "names have letters, digits, '_', '.' and '-'")
	}
	return ok && word
}

func (d *decoder) args(n *yaml.Node) []string {
	items := d.items(n, "args")
	args := make([]string, 0, len(items))
	for _, item := range items {
		args = append(args, d.arg(item))
	}
	return args
}

// arg reads text that may be empty, in quotes.
func (d *decoder) arg(n *yaml.Node) string {
	if n.Kind == yaml.Scalar && n.Quoted && n.Value == "" {
		return ""
	}
	text, _ := d.text(n, "args", "text")
	return text
}

func (d *decoder) attach(n *yaml.Node) []Program {
	pairs := d.pairs(n, "attach")
	if n.Kind == yaml.Mapping && len(pairs) == 0 {
		d.fail(n, "attach: no program is named", "leave attach out to attach each program where its section says")
	}
	programs := make([]Program, 0, len(pairs))
	for _, pair := range pairs {
		if d.checkName(pair.Key, "attach") {
			programs = append(programs, Program{pair.Key.Value, d.attachments(pair.Value, pair.Key.Value), pos(pair.Key)})
		}
	}
	return programs
}

// attachments reads a specification, {at: ..., cookie: ...}, or a list of these.
func (d *decoder) attachments(n *yaml.Node, program string) []Attachment {
	if n.Kind != yaml.Sequence {
		return []Attachment{d.attachment(n, program)}
	}
	items := d.items(n, program)
	if len(n.Items) == 0 {
		d.fail(n, program+": the list is empty", "name where to attach it, or leave the program out")
	}
	at := make([]Attachment, 0, len(items))
	for _, item := range items {
		at = append(at, d.attachment(item, program))
	}
	return at
}

func (d *decoder) attachment(n *yaml.Node, program string) Attachment {
	a := Attachment{Pos: pos(n)}
	if n.Kind != yaml.Mapping {
		a.Spec = d.spec(n, program)
		return a
	}
	found := false
	var cookies *yaml.Node
	d.fields(n, program, []field{
		{"at", func(v *yaml.Node) { a.Spec, found = d.spec(v, program+": at"), true }},
		{"cookie", func(v *yaml.Node) { a.Cookie, a.HasCookie = d.uint(v, "cookie", 0, 1<<64-1), true }},
		{"cookies", func(v *yaml.Node) { cookies, a.Cookies = v, d.cookies(v) }},
	})
	switch {
	case !found:
		d.fail(n, program+": nothing says where to attach it", "write {at: uprobe/libc:malloc, cookie: 1}")
	case cookies != nil && a.Spec.Kind != 0 && !a.Spec.Multi():
		d.fail(cookies, program+": cookies are for the functions that a pattern matches", "write cookie: N")
	}
	return a
}

// cookies reads {FUNCTION: N, ...}.
func (d *decoder) cookies(n *yaml.Node) []Cookie {
	pairs := d.pairs(n, "cookies")
	cookies := make([]Cookie, 0, len(pairs))
	for _, p := range pairs {
		cookies = append(cookies, Cookie{p.Key.Value, d.uint(p.Value, p.Key.Value, 0, 1<<64-1), pos(p.Key)})
	}
	return cookies
}

func (d *decoder) spec(n *yaml.Node, what string) Spec {
	text, ok := d.text(n, what, "an attach specification")
	if !ok {
		return Spec{}
	}
	spec, err := ParseSpec(text)
	if bad := (*SpecError)(nil); errors.As(err, &bad) {
		d.fail(n, fmt.Sprintf("%s: %q: %s", what, bad.Spec, bad.Msg), bad.Hint)
	}
	return spec
}

func (d *decoder) maps(n *yaml.Node) []Map {
	pairs := d.pairs(n, "maps")
	maps := make([]Map, 0, len(pairs))
	for _, pair := range pairs {
		if d.checkName(pair.Key, "maps") {
			maps = append(maps, d.oneMap(pair))
		}
	}
	return maps
}

func (d *decoder) oneMap(pair yaml.Pair) Map {
	m := Map{Name: pair.Key.Value, Pos: pos(pair.Key)}
	d.fields(pair.Value, m.Name, []field{
		{"max_entries", func(v *yaml.Node) { m.MaxEntries = uint32(d.uint(v, "max_entries", 1, 1<<32-1)) }},
		{"shared", func(v *yaml.Node) { m.Shared = d.bool(v, "shared") }},
	})
	return m
}
