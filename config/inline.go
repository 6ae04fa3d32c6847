package config

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Inline writes the manifest as one line that begins with '{', for BPFTIME_MANIFEST: Parse reads the same manifest from it, places
// and Name apart. The paths in it are absolute, so it means the same in every directory. The process pattern comes first,
// where the agent's gate finds it soonest. The kernel allows 128 KiB for one variable. Text that is not UTF-8 is an error.
func (m *Manifest) Inline() (string, error) {
	w := &writer{b: []byte{'{'}}
	if m.Process.Exe != "" {
		w.key("process").raw("{").key("exe").text(m.Process.Exe).raw("}, ")
	}
	if m.Session != "" {
		w.key("session").text(m.Session).raw(", ")
	}
	if m.Traps {
		w.key("traps").raw("true, ")
	}
	if m.Reads != ReadsByKernel {
		w.key("reads").raw(m.Reads.String() + ", ")
	}
	if m.Syscalls != SyscallsRewritten {
		w.key("syscalls").raw(m.Syscalls.String() + ", ")
	}
	w.key("on_error").raw(m.OnError.String()).raw(", ").key("objects")
	list(w, "[", m.Objects, w.object, "]")
	w.raw("}")
	if w.bad != "" {
		return "", fmt.Errorf("%q is not UTF-8, so it cannot be part of a manifest", w.bad)
	}
	return string(w.b), nil
}

// Merge makes one manifest of several: their objects in order, and on_error abort, traps, guarded reads and complete system calls if one says so. They must agree on the session
// and on the process where they name them.
func Merge(manifests ...*Manifest) (*Manifest, error) {
	if len(manifests) == 0 {
		return nil, errors.New("no manifest to merge")
	}
	merged := &Manifest{Name: manifests[0].Name, Dir: manifests[0].Dir}
	for _, m := range manifests {
		if err := agree(&merged.Session, m.Session, "session", m.Name); err != nil {
			return nil, err
		}
		if err := agree(&merged.Process.Exe, m.Process.Exe, "process exe", m.Name); err != nil {
			return nil, err
		}
		merged.OnError = max(merged.OnError, m.OnError)
		merged.Traps = merged.Traps || m.Traps
		merged.Reads = max(merged.Reads, m.Reads)
		merged.Syscalls = max(merged.Syscalls, m.Syscalls)
		merged.Objects = append(merged.Objects, m.Objects...)
	}
	return merged, nil
}

// agree sets *all to one's value where it has one.
func agree(all *string, one, what, name string) error {
	if one != "" && *all != "" && one != *all {
		return fmt.Errorf("%s: %s is %q, but %q in a manifest before it; remove one or run them apart", name, what, one, *all)
	}
	if one != "" {
		*all = one
	}
	return nil
}

// writer builds a text in YAML's flow form. Each method returns it.
type writer struct {
	b   []byte
	bad string // the first text that cannot be written
}

func (w *writer) raw(s string) *writer {
	w.b = append(w.b, s...)
	return w
}

func (w *writer) key(name string) *writer { return w.raw(name).raw(": ") }

// text writes a double-quoted scalar in ASCII.
func (w *writer) text(s string) *writer {
	if !utf8.ValidString(s) && w.bad == "" {
		w.bad = s
	}
	w.raw(`"`)
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			w.b = append(w.b, byte(r))
		default:
			w.b = fmt.Appendf(w.b, `\U%08x`, r)
		}
	}
	return w.raw(`"`)
}

// list writes the items between brackets.
func list[T any](w *writer, open string, items []T, item func(T), closing string) {
	w.raw(open)
	for i, it := range items {
		if i > 0 {
			w.raw(", ")
		}
		item(it)
	}
	w.raw(closing)
}

func (w *writer) object(o Object) {
	if o.Gadget != "" {
		w.raw("{").key("gadget").text(o.Gadget).raw(", ").key("args")
		list(w, "[", o.Args, func(s string) { w.text(s) }, "]")
	} else {
		w.raw("{").key("path").text(o.Path)
	}
	if len(o.Attach) > 0 {
		w.raw(", ").key("attach")
		list(w, "{", o.Attach, w.program, "}")
	}
	if len(o.Rodata) > 0 {
		w.raw(", ").key("rodata")
		list(w, "{", o.Rodata, w.constant, "}")
	}
	if len(o.Maps) > 0 {
		w.raw(", ").key("maps")
		list(w, "{", o.Maps, w.oneMap, "}")
	}
	w.raw("}")
}

func (w *writer) program(p Program) {
	w.text(p.Program).raw(": ")
	list(w, "[", p.At, w.attachment, "]")
}

func (w *writer) attachment(a Attachment) {
	w.raw("{").key("at").text(a.Spec.String())
	if a.HasCookie {
		w.raw(", ").key("cookie").raw(strconv.FormatUint(a.Cookie, 10))
	}
	w.raw("}")
}

func (w *writer) oneMap(m Map) {
	w.text(m.Name).raw(": {").key("shared").raw(strconv.FormatBool(m.Shared))
	if m.MaxEntries > 0 {
		w.raw(", ").key("max_entries").raw(strconv.FormatUint(uint64(m.MaxEntries), 10))
	}
	w.raw("}")
}

func (w *writer) constant(c Constant) {
	w.text(c.Name).raw(": ")
	w.value(c.Value)
}

func (w *writer) value(v any) {
	switch v := v.(type) {
	case bool:
		w.raw(strconv.FormatBool(v))
	case int64:
		w.raw(strconv.FormatInt(v, 10))
	case uint64:
		w.raw(strconv.FormatUint(v, 10))
	case string:
		w.text(v)
	case []any:
		list(w, "[", v, w.value, "]")
	case []Constant:
		list(w, "{", v, w.constant, "}")
	}
}
